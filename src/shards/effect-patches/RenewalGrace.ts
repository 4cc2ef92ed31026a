/**
 * The cluster lets go of every shard at once when a renewal is not answered within a quarter of the lease, and takes
 * them all again: seconds of silence for a runner that was only busy, as it is while shards move. So a slow answer is
 * waited for in the background. Until it comes, what is held by our own clock counts as held: nobody takes it before
 * the lease has run out, and epochs fence whoever was found dead meanwhile. A renewal that fails is told at once.
 *
 * Not with persisted messages: their answers are saved only once the store has confirmed the lease
 * (messages/LeaseChecks.ts).
 */
import { Effect, Fiber, Layer, Option } from "effect"
import { type ClusterError, RunnerStorage, type ShardId } from "effect/cluster"
import { OwnedShards } from "../leases/OwnedShards.ts"

/** Much less than the quarter of a lease that the cluster waits. */
const patience = "250 millis"

type Renewal = Fiber.Fiber<Array<ShardId.ShardId>, ClusterError.PersistenceError>

export const layer = Layer.effect(
  RunnerStorage.RunnerStorage,
  Effect.gen(function* () {
    const storage = yield* RunnerStorage.RunnerStorage
    const held = yield* OwnedShards
    const scope = yield* Effect.scope
    let underWay: Renewal | undefined

    /** One at a time: two renewals at the same moment refuse each other. */
    const renew: RunnerStorage.RunnerStorage["Service"]["refresh"] = Effect.fnUntraced(function* (address, shardIds) {
      while (underWay !== undefined) yield* Fiber.await(underWay)
      const renewal: Renewal = yield* Effect.forkIn(storage.refresh(address, shardIds), scope)
      underWay = renewal
      renewal.addObserver(() => (underWay = undefined))
      return yield* Fiber.join(renewal)
    })

    /**
     * Goes on for as long as the cluster waits, where the lease does not hold: a runner that has just started asks
     * before it is registered.
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
