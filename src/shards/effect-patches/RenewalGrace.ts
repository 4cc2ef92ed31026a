/**
 * The cluster releases all shards at once when a renewal is not answered within a quarter of the lease, and then
 * acquires them all again: seconds of unavailability for a runner that was only busy, as it is while shards move. A
 * slow renewal is therefore awaited in the background. Until it completes, the shards that are held by our own clock
 * count as held: no other runner takes them before the lease has expired, and epochs fence a runner that was found dead
 * meanwhile. A renewal that fails within `patience` is reported at once, and one that fails later is logged: its caller
 * has gone on.
 *
 * Not used with persisted messages: their replies are saved only once the store has confirmed the lease
 * (LeaseChecks.ts).
 */
import { Cause, Effect, Fiber, Layer, Option } from "effect"
import { type ClusterError, RunnerStorage, type ShardId } from "effect/cluster"
import { OwnedShards } from "../leases/OwnedShards.ts"

/** How long a caller waits for a renewal: much less than the quarter of a lease that the cluster waits. */
const patience = "250 millis"

/** The shutdown interrupts a renewal, which is no failure. */
const tellLate = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : Effect.logWarning("A slow renewal of the lease has failed; the next one will try", cause)

type Renewal = Fiber.Fiber<Array<ShardId.ShardId>, ClusterError.PersistenceError>

export const layer = Layer.effect(
  RunnerStorage.RunnerStorage,
  Effect.gen(function* () {
    const storage = yield* RunnerStorage.RunnerStorage
    const held = yield* OwnedShards
    const scope = yield* Effect.scope
    let underWay: Renewal | undefined

    /** Runs one renewal at a time, since concurrent renewals refuse each other. */
    const renew: RunnerStorage.RunnerStorage["Service"]["refresh"] = Effect.fnUntraced(function* (address, shardIds) {
      while (underWay !== undefined) yield* Fiber.await(underWay)
      let isAwaited = true
      const told = Effect.tapCause(storage.refresh(address, shardIds), (cause) =>
        isAwaited ? Effect.void : tellLate(cause)
      )
      const renewal: Renewal = yield* Effect.forkIn(told, scope)
      underWay = renewal
      renewal.addObserver(() => (underWay = undefined))
      return yield* Effect.onInterrupt(Fiber.join(renewal), () => Effect.sync(() => (isAwaited = false)))
    })

    /**
     * While the lease does not hold, keeps trying for as long as the cluster waits: a runner that has just started
     * refreshes before it is registered.
     */
    const refresh: RunnerStorage.RunnerStorage["Service"]["refresh"] = Effect.fnUntraced(function* (address, shardIds) {
      const asked = [...shardIds]
      while (true) {
        const answer = yield* Effect.timeoutOption(renew(address, asked), patience)
        if (Option.isSome(answer)) return answer.value
        if (held.leaseHolds()) return asked.filter((shardId) => held.epochOf(String(shardId)) !== undefined)
      }
    })

    return RunnerStorage.RunnerStorage.of({ ...storage, refresh })
  })
)
