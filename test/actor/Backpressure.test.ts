import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { waitingCalls, waitingWeight } from "../../src/actor/client/AdmissionLimit.ts"
import { notHere, FastPath } from "../../src/actor/client/FastPath.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { Counter, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

/** No actor is ever at hand, so that all calls go by the cluster. */
const cluster = Layer.merge(
  MemoryCluster.withActors(counterLayer()),
  Layer.succeed(FastPath, { ask: (_, { resume }) => (resume(notHere), true) })
)

const keys = 16

describe("A client whose calls find their actors' store away", () => {
  it.effect("refuses more than may wait at once, with a delay, and those that wait are answered when it is back", () =>
    Effect.gen(function* () {
      const { faults } = yield* MemoryStore
      yield* TestClock.adjust(1)
      const counter = yield* ActorClient.make(Counter)
      const add = (n: number) => counter(`key-${n % keys}`).Add({ by: 1 }, { timeoutMillis: 60_000 })
      faults.next = () => "refuse"
      const waiting = yield* Effect.forEach(
        Array.from({ length: waitingCalls }, (_, n) => n),
        (n) => Effect.forkChild(add(n), { startImmediately: true })
      )
      const refused = yield* Effect.flip(add(0))
      assert.strictEqual(refused._tag, "ActorUnavailable")
      assert.isAtLeast((refused as { readonly retryAfterMillis: number }).retryAfterMillis, 1_000)
      assert.include(refused.message, String(waitingCalls))

      assert.isTrue(waiting.every((fiber) => fiber.pollUnsafe() === undefined))
      faults.next = () => "none"
      const rounds = waitingCalls / keys
      for (let step = 0; step < 400 && waiting.some((fiber) => fiber.pollUnsafe() === undefined); step++) {
        yield* TestClock.adjust("100 millis")
      }
      const answers = yield* Fiber.joinAll(waiting)
      assert.strictEqual(
        answers.reduce((sum, answer) => sum + answer, 0),
        (keys * rounds * (rounds + 1)) / 2
      )
      assert.strictEqual(yield* add(0), rounds + 1)
    }).pipe(Effect.provide(cluster))
  )

  it.effect("refuses more than these may weigh together, with a delay, also where their number is small", () =>
    Effect.gen(function* () {
      const { faults } = yield* MemoryStore
      yield* TestClock.adjust(1)
      const counter = yield* ActorClient.make(Counter)
      const job = "x".repeat(waitingWeight / 8)
      const work = (n: number) => counter(`key-${n}`).Work({ job: `${n}${job}` }, { timeoutMillis: 60_000 })
      faults.next = () => "refuse"
      const waiting = yield* Effect.forEach(
        Array.from({ length: 7 }, (_, n) => n),
        (n) => Effect.forkChild(work(n), { startImmediately: true })
      )
      const refused = yield* Effect.flip(work(7))
      assert.strictEqual(refused._tag, "ActorUnavailable")
      assert.isAtLeast((refused as { readonly retryAfterMillis: number }).retryAfterMillis, 1_000)
      const light = yield* Effect.forkChild(counter("light").Add({ by: 1 }, { timeoutMillis: 60_000 }))
      yield* TestClock.adjust(1)
      assert.isUndefined(light.pollUnsafe())

      faults.next = () => "none"
      const all = [...waiting, light]
      for (let step = 0; step < 400 && all.some((fiber) => fiber.pollUnsafe() === undefined); step++) {
        yield* TestClock.adjust("100 millis")
      }
      yield* Fiber.joinAll(waiting)
      assert.strictEqual(yield* Fiber.join(light), 1)
      yield* work(7)
    }).pipe(Effect.provide(cluster))
  )
})
