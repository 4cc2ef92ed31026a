import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../src/actor/memory/MemoryOwnership.ts"
import { Counter, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

const withCounter = Effect.provide(MemoryCluster.withActors(counterLayer()))

/** A counter whose reads have been seen to change nothing, so that they take the short way. */
const counted = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  const counter = (yield* ActorClient.make(Counter))("a")
  yield* counter.Add({ by: 1 })
  yield* counter.Get()
  assert.strictEqual(yield* counter.Get(), 1)
  return counter
})

describe("A read that takes the short way", () => {
  it.effect("sees the commands that its caller sent before it", () =>
    Effect.gen(function* () {
      const counter = yield* counted
      const [, seen] = yield* Effect.all([counter.Add({ by: 5 }), counter.Get()], { concurrency: "unbounded" })
      assert.strictEqual(seen, 6)
    }).pipe(withCounter)
  )

  it.effect("sees what another owner wrote once the shard has changed hands", () =>
    Effect.gen(function* () {
      const counter = yield* counted
      const store = yield* MemoryStore
      const { address, entries } = store.actors.get("TestCounter/a")!
      yield* MemoryOwnershipControl.use((control) => control.revoke(address.shardId))
      entries.push({ ...entries[0]!, seq: 2, requestId: "elsewhere", events: [{ _tag: "counter.added", by: 10 }] })
      const reading = yield* Effect.forkChild(counter.Get())
      for (let step = 0; step < 200 && reading.pollUnsafe() === undefined; step++) yield* TestClock.adjust(10)
      assert.strictEqual(yield* Fiber.join(reading), 11)
    }).pipe(withCounter)
  )
})
