import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import type { Commit } from "../../../src/actor/Journal.ts"
import { type CommitFault, MemoryStore, stored } from "../../../src/actor/memory/MemoryJournal.ts"
import { Counter, layer as counterLayer } from "../../fixtures/Counter.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../../fixtures/VirtualTime.ts"

const withCounter = Effect.provide(MemoryCluster.withActors(counterLayer()))

/** Unlucky numbers cannot be stored. */
const unlucky = 13
const isUnlucky = ({ entries }: Commit) =>
  entries.some(({ events }) => JSON.stringify(events).includes(String(unlucky)))

const rejecting = Effect.map(MemoryStore, (store) => {
  const tried: Array<Commit> = []
  store.faults.next = (commit): CommitFault => {
    tried.push(commit)
    return isUnlucky(commit) ? "reject" : "none"
  }
  return tried
})

const passes = (millis: number, steps: number) =>
  Effect.forEach(Array.from({ length: steps }), () => TestClock.adjust(millis), { discard: true })

describe("what the store refuses for its content", () => {
  it.effect("fails its command for good, and what was decided with it is kept", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const tried = yield* rejecting
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.Get()
      const adding = [1, unlucky, 2].map((by) => Effect.result(counter.Add({ by })))
      const outcomes = yield* inVirtualTime(Effect.all(adding, { concurrency: "unbounded" }))
      assert.deepStrictEqual(
        outcomes.map((outcome) => (Result.isSuccess(outcome) ? outcome.success : outcome.failure._tag)),
        [1, "InvalidInput", 3]
      )
      assert.strictEqual(yield* counter.Get(), 3)
      yield* passes(1_000, 60)
      assert.strictEqual(tried.filter(isUnlucky).length, 2, "once with the others, once by itself")
    }).pipe(withCounter)
  )

  it.effect("puts a timer off for longer each time, and lets others take effect", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.AddLater({ by: unlucky, at: 1_000 })
      yield* counter.AddLater({ by: 5, at: 2_000 })
      const tried = yield* rejecting
      yield* passes(1_000, 20)
      assert.strictEqual(yield* counter.Get(), 5)
      yield* passes(10_000, 60)
      const { length } = tried.filter(isUnlucky)
      assert.isAtLeast(length, 3)
      assert.isAtMost(length, 12, "in ten minutes")
    }).pipe(withCounter)
  )

  it.effect("starts an activity again now and then, and lets others report", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const counter = (yield* ActorClient.make(Counter))("a")
      const store = yield* MemoryStore
      const tried: Array<Commit> = []
      store.faults.next = (commit) => {
        tried.push(commit)
        return JSON.stringify(commit.entries).includes('counter.job_ended","job":"bad"') ? "reject" : "none"
      }
      yield* inVirtualTime(counter.Work({ job: "bad" }))
      yield* inVirtualTime(counter.Work({ job: "good" }))
      yield* passes(1_000, 60)
      assert.strictEqual(yield* counter.Get(), 1)
      assert.isAtMost(tried.length, 30, "in a minute")
    }).pipe(withCounter)
  )
})

describe("an actor that cannot be loaded", () => {
  it.effect("is tried less and less often, and refuses its mail at once", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const counter = (yield* ActorClient.make(Counter))("a")
      const { entries } = stored(yield* MemoryStore, { entityType: "TestCounter", entityId: "a", shardId: "default:1" })
      const entry = { seq: 1, requestId: null, command: "Add", payloadHash: null, answer: null, at: 0 }
      let loads = 0
      entries.push({
        ...entry,
        get events() {
          loads++
          return [{ _tag: "counter.added", by: "nonsense" }]
        }
      })
      const refused = yield* inVirtualTime(Effect.flip(counter.Add({ by: 1 }, { timeoutMillis: 2_000 })))
      assert.strictEqual(refused._tag, "ActorUnavailable")
      yield* passes(1_000, 120)
      assert.isAtMost(loads, 40, "in two minutes")
    }).pipe(withCounter)
  )
})
