import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import type { CommitFault } from "../../../src/actor/memory/MemoryJournal.ts"
import { MemoryStore, stored } from "../../../src/actor/memory/MemoryJournal.ts"
import { Counter, layer as counterLayer, poison } from "../../fixtures/Counter.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../../fixtures/VirtualTime.ts"

const withCounter = Effect.provide(MemoryCluster.withActors(counterLayer()))

const passes = (millis: number, steps: number) =>
  Effect.forEach(Array.from({ length: steps }), () => TestClock.adjust(millis), { discard: true })

const outboxOf = (entityId: string) =>
  Effect.map(MemoryStore, (store) => [...(store.actors.get(`TestCounter/${entityId}`)?.outbox.values() ?? [])])

const dead = Effect.map(MemoryStore, (store) => [...(store.tables.get("dead_messages")?.values() ?? [])])

/** The store refuses every commit with the number 13. */
const unluckyRefused = Effect.map(MemoryStore, ({ faults }) => {
  faults.next = ({ entries }): CommitFault =>
    JSON.stringify(entries.flatMap(({ events }) => events)).includes("13") ? "reject" : "none"
})

/** Puts messages from `a` to `b` into the outbox as another version may have written them, and has them relayed. */
const relayed = Effect.fnUntraced(function* (
  messages: ReadonlyArray<{ readonly tag?: string; readonly payload: unknown }>
) {
  const counters = yield* ActorClient.make(Counter)
  const store = yield* MemoryStore
  yield* inVirtualTime(counters("b").Add({ by: 0 }))
  const { outbox } = stored(store, { entityType: "TestCounter", entityId: "a", shardId: "default:1" })
  messages.forEach(({ payload, tag = "Add" }, index) => {
    const seq = index + 1
    const id = `TestCounter/a/${seq}/0`
    outbox.set(id, { id, seq, ordinal: 0, targetType: "TestCounter", targetId: "b", tag, payload })
  })
  yield* inVirtualTime(counters("a").Get())
  return counters("b")
})

describe("a message that its receiver cannot process", () => {
  it.effect(
    "is kept as a dead one at once when the store refuses what it writes, and those behind it are applied",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1)
        yield* unluckyRefused
        const b = yield* relayed([{ payload: { by: 1 } }, { payload: { by: 13 } }, { payload: { by: 2 } }])
        yield* passes(100, 50)
        assert.strictEqual(yield* b.Get(), 3)
        assert.deepStrictEqual(yield* outboxOf("a"), [])
        const [message, ...others] = yield* dead
        assert.deepStrictEqual(others, [])
        assert.deepInclude(message, {
          target_type: "TestCounter",
          target_id: "b",
          message_id: "TestCounter/a/2/0",
          tag: "Add",
          payload: { by: 13 },
          reason: "unstorable"
        })
      }).pipe(withCounter)
  )

  it.effect("is kept as a dead one at once when it is refused, with the refusal", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const b = yield* relayed([{ payload: { by: 2_000 } }, { payload: { by: 2 } }])
      yield* passes(100, 50)
      assert.strictEqual(yield* b.Get(), 2)
      const [message] = yield* dead
      assert.strictEqual(message!["reason"], "refused")
      assert.include(message!["error"], "TooMuch")
      assert.deepStrictEqual(yield* outboxOf("a"), [])
    }).pipe(withCounter)
  )

  it.effect("is tried again for two minutes when the receiver's code throws, and then kept as a dead one", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const b = yield* relayed([{ payload: { by: 1 } }, { payload: { by: "many" } }, { payload: { by: 2 } }])
      yield* passes(1_000, 60)
      assert.strictEqual(yield* b.Get(), 1)
      assert.deepStrictEqual(yield* dead, [])
      yield* passes(1_000, 90)
      assert.strictEqual(yield* b.Get(), 3)
      assert.deepStrictEqual(yield* outboxOf("a"), [])
      assert.deepStrictEqual(
        (yield* dead).map(({ payload, reason }) => ({ payload, reason })),
        [{ payload: { by: "many" }, reason: "threw" }]
      )
    }).pipe(withCounter)
  )

  it.effect("holds those behind it back while it is tried again, also when the store refuses one before it", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      yield* unluckyRefused
      const b = yield* relayed([{ payload: { by: 13 } }, { payload: { by: poison } }, { payload: { by: 2 } }])
      yield* passes(1_000, 60)
      assert.strictEqual(yield* b.Get(), 0)
      yield* passes(1_000, 90)
      assert.strictEqual(yield* b.Get(), 2)
      assert.deepStrictEqual(
        (yield* dead).map(({ reason }) => reason),
        ["unstorable", "threw"]
      )
    }).pipe(withCounter)
  )

  it.effect("is given up once, also when the store refuses the one behind it in the same commit", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      yield* unluckyRefused
      const b = yield* relayed([{ payload: { by: poison } }, { payload: { by: 13 } }, { payload: { by: 2 } }])
      yield* passes(1_000, 150)
      assert.strictEqual(yield* b.Get(), 2)
      assert.deepStrictEqual(
        (yield* dead).map(({ reason }) => reason),
        ["threw", "unstorable"]
      )
    }).pipe(withCounter)
  )

  it.effect("waits a quarter of an hour for a version that has its command, and is then kept as a dead one", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const b = yield* relayed([{ tag: "Multiply", payload: { by: 3 } }, { payload: { by: 2 } }])
      yield* passes(10_000, 80)
      assert.deepStrictEqual(yield* dead, [])
      yield* passes(10_000, 20)
      assert.deepStrictEqual(
        (yield* dead).map(({ reason, tag }) => ({ reason, tag })),
        [{ tag: "Multiply", reason: "unknown" }]
      )
      assert.strictEqual(yield* b.Get(), 2)
      assert.deepStrictEqual(yield* outboxOf("a"), [])
    }).pipe(withCounter)
  )

  it.effect("is a duplicate when it is delivered again", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const b = yield* relayed([{ payload: { by: 2_000 } }])
      yield* passes(100, 50)
      const shell = (yield* Counter.client)("b")
      const message = { id: "TestCounter/a/1/0", tag: "Add", payload: { by: 1 } }
      yield* inVirtualTime(shell.Deliver({ messages: [message], again: true }))
      assert.strictEqual(yield* b.Get(), 0)
      assert.lengthOf(yield* dead, 1)
    }).pipe(withCounter)
  )
})
