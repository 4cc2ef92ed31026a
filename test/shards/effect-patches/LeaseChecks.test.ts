import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { RunnerAddress, RunnerStorage, ShardId, ShardingConfig } from "effect/cluster"
import { TestClock } from "effect/testing"
import { Ownership } from "../../../src/actor/Ownership.ts"
import * as LeaseChecks from "../../../src/shards/effect-patches/LeaseChecks.ts"

const address = RunnerAddress.make("localhost", 1)
const shards = [ShardId.make("default", 1), ShardId.make("default", 2)]

/** A runner that holds the first shard; counts its renewals. */
const runner = () => {
  const renewals = { count: 0 }
  const storage = Layer.effect(
    RunnerStorage.RunnerStorage,
    Effect.map(RunnerStorage.makeMemory, (memory) => ({
      ...memory,
      refresh: () =>
        Effect.delay(
          Effect.sync(() => (renewals.count++, [shards[0]!])),
          "10 millis"
        )
    }))
  )
  const ownership = Layer.succeed(Ownership, {
    epochOf: (shardId) => (shardId === shards[0]!.toString() ? 1 : undefined),
    changes: Stream.empty,
    owned: Effect.succeed([shards[0]!.toString()])
  })
  const layer = LeaseChecks.layer.pipe(
    Layer.provide([storage, ownership, ShardingConfig.layer({ shardLockExpiration: "8 seconds" })])
  )
  return { renewals, layer }
}

const check = (count: number) =>
  Effect.flatMap(RunnerStorage.RunnerStorage, (storage) =>
    Effect.forEach(Array.from({ length: count }), () => storage.refresh(address, shards), { concurrency: "unbounded" })
  )

describe("LeaseChecks", () => {
  it.effect("renew once for all who ask in a short time, and tell each what its runner holds", () => {
    const { layer, renewals } = runner()
    return Effect.gen(function* () {
      const asking = yield* Effect.forkChild(check(100))
      yield* TestClock.adjust("20 millis")
      const exit = asking.pollUnsafe()
      assert.deepStrictEqual(
        exit?._tag === "Success" && exit.value,
        Array.from({ length: 100 }, () => [shards[0]!])
      )
      assert.strictEqual(renewals.count, 1)
      const later = yield* Effect.forkChild(check(1))
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(check(1))
      yield* TestClock.adjust("20 millis")
      assert.isDefined(later.pollUnsafe())
      assert.strictEqual(renewals.count, 2)
    }).pipe(Effect.provide(layer))
  })
})
