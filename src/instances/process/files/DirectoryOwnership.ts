/**
 * Tracks which gateways this runner owns. The epoch fence is stored in the instance's files, so it holds across the
 * runner processes of a host. The lease is renewed while this runner is running and has seen no later epoch.
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
  /** Renews the lease of this instance, now and from now on. */
  readonly take: (claim: Claim) => Effect.Effect<void>
  readonly drop: (instanceId: InstanceId) => Effect.Effect<void>
  readonly owned: Effect.Effect<ReadonlyArray<Claim>>
}

export const make = Effect.fnUntraced(function* (
  orphanAfterMillis: number
): Effect.fn.Return<Ownership, never, Scope.Scope> {
  const owned = new Map<InstanceId, Claim>()

  const renew = (now: number): void => {
    for (const { epoch, files, instanceId } of owned.values()) {
      if (files.epoch > epoch) owned.delete(instanceId)
      else files.renewLease(now)
    }
  }

  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(Duration.millis(Math.min(5_000, orphanAfterMillis / 4))),
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => renew(now)))
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
        claim.files.renewLease(now)
      }),
    drop: (instanceId) =>
      Effect.sync(() => {
        owned.delete(instanceId)
      }),
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
