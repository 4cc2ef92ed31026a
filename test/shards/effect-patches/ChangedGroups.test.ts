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
import * as ChangedGroups from "../../../src/shards/effect-patches/ChangedGroups.ts"

const self = RunnerAddress.make("me", 1)
const shards = 16
const groups = ["default", "region-eu"]

/** This runner, and a peer whose registration is replaced while it counts as healthy throughout. */
const cluster = Effect.fnUntraced(function* (first: ReadonlyArray<string>) {
  let own: Runner.Runner | undefined
  let registrations = 0
  const peer = (served: ReadonlyArray<string>) =>
    Runner.make({ address: RunnerAddress.make("peer", 1), groups: served, weight: 1 })
  const state = { peer: peer(first) }
  const storage = RunnerStorage.RunnerStorage.of({
    register: (runner) =>
      Effect.sync(() => {
        own = runner
        registrations++
        return 1 as never
      }),
    unregister: () => Effect.void,
    getRunners: Effect.sync(() =>
      [...(own === undefined ? [] : [own]), state.peer].map((runner) => [runner, true] as [Runner.Runner, boolean])
    ),
    setRunnerHealth: () => Effect.void,
    acquire: (_, shardIds) => Effect.succeed([...shardIds]),
    refresh: (_, shardIds) => Effect.succeed([...shardIds]),
    release: () => Effect.void,
    releaseAll: () => Effect.void
  })
  const context = yield* Layer.build(
    ChangedGroups.noticed(Sharding.layer).pipe(
      Layer.provide([Runners.layerNoop, RunnerHealth.layerNoop]),
      Layer.provide(MessageStorage.layerNoop),
      Layer.provide(Layer.succeed(RunnerStorage.RunnerStorage, storage)),
      Layer.provide(
        ShardingConfig.layer({
          runnerAddress: Option.some(self),
          availableShardGroups: groups,
          assignedShardGroups: groups,
          shardsPerGroup: shards,
          refreshAssignmentsInterval: "100 millis",
          entityMessagePollInterval: "1 hour"
        })
      )
    )
  )
  const sharding = Context.get(context, Sharding.Sharding)
  const holds = (group: string) =>
    Array.from({ length: shards }, (_, n) => ShardId.make(group, n + 1)).filter(sharding.hasShardId).length
  const serves = (served: ReadonlyArray<string>) => {
    state.peer = peer(served)
    return TestClock.adjust("5 seconds")
  }
  yield* TestClock.adjust("5 seconds")
  return { holds, serves, registrations: () => registrations }
})

describe("a runner that comes back at its address with other placements, without having been found gone", () => {
  it.effect("no longer gets shards of those it does not serve any more", () =>
    Effect.gen(function* () {
      const { holds, registrations, serves } = yield* cluster(groups)
      const shared = holds("default")
      assert.isBelow(holds("region-eu"), shards)
      yield* serves(["default"])
      assert.strictEqual(holds("region-eu"), shards, "nobody else serves it")
      assert.strictEqual(holds("default"), shared, "the others are divided as before")
      assert.strictEqual(registrations(), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("gets its part of those that it serves now", () =>
    Effect.gen(function* () {
      const { holds, serves } = yield* cluster(["default"])
      assert.strictEqual(holds("region-eu"), shards)
      yield* serves(groups)
      assert.strictEqual(holds("region-eu"), holds("default"), "divided as what both serve")
    }).pipe(Effect.scoped)
  )
})
