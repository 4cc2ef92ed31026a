import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import {
  MessageStorage,
  Runner,
  RunnerAddress,
  RunnerHealth,
  Runners,
  RunnerStorage,
  ShardId,
  Sharding,
  ShardingConfig
} from "effect/cluster"
import { TestClock } from "effect/testing"
import * as FastAcquisition from "../../../src/shards/effect-patches/FastAcquisition.ts"

const self = RunnerAddress.make("me", 1)
const shards = 4

/** A store in which another runner holds some shards. */
const cluster = Effect.gen(function* () {
  const taken = new Set([`default:${shards}`])
  const peers: Array<Runner.Runner> = []
  const released = new Set<string>()
  let own: Runner.Runner | undefined
  const storage = RunnerStorage.RunnerStorage.of({
    register: (runner) =>
      Effect.sync(() => {
        own = runner
        return 1 as never
      }),
    unregister: () => Effect.void,
    getRunners: Effect.sync(() =>
      [...(own === undefined ? [] : [own]), ...peers].map((runner) => [runner, true] as [Runner.Runner, boolean])
    ),
    setRunnerHealth: () => Effect.void,
    acquire: (_, shardIds) => Effect.sync(() => [...shardIds].filter((shardId) => !taken.has(String(shardId)))),
    refresh: (_, shardIds) => Effect.succeed([...shardIds]),
    release: (_, shardId) => Effect.sync(() => void released.add(String(shardId))),
    releaseAll: () => Effect.void
  })
  const context = yield* Layer.build(
    FastAcquisition.layer.pipe(
      Layer.provide([Runners.layerNoop, RunnerHealth.layerNoop]),
      Layer.provide(MessageStorage.layerNoop),
      Layer.provide(Layer.succeed(RunnerStorage.RunnerStorage, storage)),
      Layer.provide(
        ShardingConfig.layer({
          runnerAddress: Option.some(self),
          shardsPerGroup: shards,
          refreshAssignmentsInterval: "100 millis",
          entityMessagePollInterval: "1 hour"
        })
      )
    )
  )
  const sharding = Context.get(context, Sharding.Sharding)
  const holds = () =>
    Array.from({ length: shards }, (_, n) => n + 1).filter((id) => sharding.hasShardId(ShardId.make("default", id)))
  yield* TestClock.adjust("50 millis")
  return { taken, peers, released, holds }
})

describe("a runner that is still waiting for a shard", () => {
  it.effect("has it as soon as its owner has let go of it", () =>
    Effect.gen(function* () {
      const { holds, taken } = yield* cluster
      assert.deepStrictEqual(holds(), [1, 2, 3])
      taken.clear()
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(holds(), [1, 2, 3, 4])
    }).pipe(Effect.scoped)
  )

  it.effect("lets go meanwhile of those that a runner that has joined is to have", () =>
    Effect.gen(function* () {
      const { holds, peers, released } = yield* cluster
      peers.push(Runner.make({ address: RunnerAddress.make("new", 1), groups: ["default"], weight: 1 }))
      yield* TestClock.adjust("200 millis")
      assert.isAbove(released.size, 0)
      assert.isBelow(holds().length, 3)
    }).pipe(Effect.scoped)
  )
})
