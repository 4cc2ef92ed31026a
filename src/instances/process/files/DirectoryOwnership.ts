/**
 * Tracks which gateways this runner owns. The epoch fence is stored in the instance's files, so it holds across the
 * runner processes of a host. The guardian's lease is renewed by whoever knows that the cluster takes this runner for
 * the owner; for a gateway that was left idle it is renewed here while this runner runs and has seen no later epoch.
 */
import { Clock, Duration, Effect, type Scope } from "effect"
import type { InstanceId } from "../../../schema/Ids.ts"
import { DriverError } from "../../InstanceDriver.ts"
import { withFileLock } from "../../../processes/FileLock.ts"
import type { InstanceFiles } from "./InstanceFiles.ts"

/** A runner's ownership of an instance, under the epoch with which it acts. */
export interface Claim {
  readonly instanceId: InstanceId
  readonly registration?: string
  readonly files: InstanceFiles
  readonly epoch: number
}

export interface Ownership {
  /**
   * Runs `use` under the instance's lock, as the owner with this epoch. Fails with `StaleOwner` when a later epoch was
   * seen. `use` must be short, because other processes wait for the lock.
   */
  readonly as: <A, E, R>(claim: Claim, use: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DriverError, R>
  /** Begins to own the gateway, and renews its lease. */
  readonly take: (claim: Claim) => Effect.Effect<void>
  /** Renews the lease of a gateway that is owned, unless a later epoch was seen. */
  readonly renew: (instanceId: InstanceId, epoch: number) => Effect.Effect<void>
  /** Renews the lease from now on, until it is taken or renewed again. */
  readonly leave: (instanceId: InstanceId, epoch: number) => Effect.Effect<void>
  readonly drop: (instanceId: InstanceId) => Effect.Effect<void>
  readonly owned: Effect.Effect<ReadonlyArray<Claim>>
}

export const make = Effect.fnUntraced(function* (
  orphanAfterMillis: number
): Effect.fn.Return<Ownership, never, Scope.Scope> {
  const owned = new Map<InstanceId, Claim>()
  const left = new Set<InstanceId>()

  const drop = (instanceId: InstanceId): void => {
    owned.delete(instanceId)
    left.delete(instanceId)
  }

  const renew = ({ epoch, files, instanceId }: Claim, now: number): void => {
    if (files.epoch > epoch) drop(instanceId)
    else files.renewLease(now)
  }

  const renewLeft = (now: number): void => {
    for (const instanceId of left) renew(owned.get(instanceId)!, now)
  }

  const claimOf = (instanceId: InstanceId, epoch: number): Claim | undefined => {
    const claim = owned.get(instanceId)
    return claim?.epoch === epoch ? claim : undefined
  }

  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(Duration.millis(Math.min(5_000, orphanAfterMillis / 4))),
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => renewLeft(now)))
      )
    )
  )

  return {
    as: <A, E, R>({ epoch, files, instanceId }: Claim, use: Effect.Effect<A, E, R>) =>
      withFileLock(files.lock)(
        Effect.suspend((): Effect.Effect<A, E | DriverError, R> => {
          const highest = files.epoch
          if (epoch < highest) return Effect.fail(staleOwner(instanceId, epoch, highest))
          if (epoch > highest) files.writeEpoch(epoch)
          return use
        })
      ),
    take: (claim) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        owned.set(claim.instanceId, claim)
        left.delete(claim.instanceId)
        claim.files.renewLease(now)
      }),
    renew: (instanceId, epoch) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const claim = claimOf(instanceId, epoch)
        if (claim === undefined) return
        left.delete(instanceId)
        renew(claim, now)
      }),
    leave: (instanceId, epoch) =>
      Effect.sync(() => {
        if (claimOf(instanceId, epoch) !== undefined) left.add(instanceId)
      }),
    drop: (instanceId) => Effect.sync(() => drop(instanceId)),
    owned: Effect.sync(() => Array.from(owned.values()))
  }
})

const staleOwner = (instanceId: InstanceId, epoch: number, highest: number): DriverError =>
  new DriverError({
    instanceId,
    reason: "StaleOwner",
    message: `epoch ${epoch} is older than ${highest}, which owns this instance`,
    retryable: false
  })
