/**
 * Before the cluster saves the reply to a persisted request, it has the storage confirm its runner's lock on the shard.
 * A lease covers every shard at once, so one renewal confirms them all: shortly after a renewal, the runner answers
 * from its own record of its shards, and requests that arrive while a renewal is in flight wait for it. Without this
 * each reply would renew the lease, and concurrent renewals refuse each other.
 */
import { Clock, Duration, Effect, Layer, Semaphore } from "effect"
import { RunnerStorage, ShardingConfig } from "effect/cluster"
import { Ownership } from "../../actor/Ownership.ts"

/**
 * Part of the lease for which a confirmation stays fresh: half of the interval between regular renewals, so that a
 * regular renewal is delayed by no more than that.
 */
const freshPart = 1 / 8

export const layer = Layer.effect(
  RunnerStorage.RunnerStorage,
  Effect.gen(function* () {
    const storage = yield* RunnerStorage.RunnerStorage
    const ownership = yield* Ownership
    const config = yield* ShardingConfig.ShardingConfig
    const freshMillis = Duration.toMillis(Duration.fromInputUnsafe(config.shardLockExpiration)) * freshPart
    const oneAtATime = Semaphore.makeUnsafe(1).withPermits(1)
    let freshUntil = 0

    const renew: RunnerStorage.RunnerStorage["Service"]["refresh"] = Effect.fnUntraced(function* (address, shardIds) {
      const asked = yield* Clock.currentTimeMillis
      const held = yield* storage.refresh(address, shardIds)
      freshUntil = asked + freshMillis
      return held
    })

    return RunnerStorage.RunnerStorage.of({
      ...storage,
      refresh: (address, shardIds) =>
        Effect.clockWith((clock) =>
          clock.currentTimeMillisUnsafe() < freshUntil
            ? Effect.succeed([...shardIds].filter((shardId) => ownership.epochOf(shardId.toString()) !== undefined))
            : renew(address, shardIds)
        ).pipe(oneAtATime)
    })
  })
)
