/**
 * Before the cluster saves the answer to a persisted request, it has its runner's lock on the shard confirmed. A lease
 * covers every shard at once, so one renewal confirms them all: shortly after it, the runner's own knowledge of its
 * shards is the answer, and those who ask while it is under way wait for it. Without this each answer would renew the
 * lease, and renewals at the same moment refuse each other.
 */
import { Clock, Duration, Effect, Layer, Semaphore } from "effect"
import { RunnerStorage, ShardingConfig } from "effect/cluster"
import { Ownership } from "../../actor/Ownership.ts"

/** Half of the time from one regular renewal to the next, so that a regular one is put off by no more than that. */
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
