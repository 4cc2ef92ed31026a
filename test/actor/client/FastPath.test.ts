import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { notHere, FastPath } from "../../../src/actor/client/FastPath.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { type IncomingCall, ActivationDirectory } from "../../../src/actor/runtime/ActivationDirectory.ts"
import { unavailable } from "../../../src/actor/commit/CommandBatch.ts"
import { Counter, layer as counterLayer } from "../../fixtures/Counter.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../../fixtures/VirtualTime.ts"

const actors = MemoryCluster.withActors(counterLayer())

/** What a quick way does with what it is asked; the cluster is there beside it. */
const by = (ask: (asked: IncomingCall) => boolean) =>
  Effect.provide(Layer.merge(actors, Layer.succeed(FastPath, { ask: (_, asked) => ask(asked) })))

const committed = Effect.map(MemoryStore, (store) =>
  store.actors.get("TestCounter/a")?.entries.map(({ requestId }) => requestId)
)

const counterA = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  return (yield* ActorClient.make(Counter))("a")
})

describe("The quick way to an actor", () => {
  it.effect("finds one in memory while the cluster has delivered to it lately, and is taken by the next caller", () =>
    Effect.gen(function* () {
      const residents = yield* ActivationDirectory
      const counter = yield* counterA
      assert.isUndefined(residents.find("TestCounter", "a"))
      yield* counter.Add({ by: 1 })
      assert.isDefined(residents.find("TestCounter", "a"))
      assert.strictEqual(yield* counter.Add({ by: 1 }), 2)
      yield* TestClock.adjust("31 seconds")
      assert.isUndefined(residents.find("TestCounter", "a"))
      assert.strictEqual(yield* counter.Add({ by: 1 }), 3)
      assert.isDefined(residents.find("TestCounter", "a"))
    }).pipe(Effect.provide(actors))
  )

  it.effect("is left for the cluster's when the actor is elsewhere", () =>
    Effect.gen(function* () {
      const counter = yield* counterA
      assert.strictEqual(yield* counter.Add({ by: 5 }, { requestId: "r" }), 5)
      assert.deepStrictEqual(yield* committed, ["r"])
    }).pipe(
      by(({ resume }) => {
        resume(notHere)
        return true
      })
    )
  )

  it.effect("gives an answer, or a failure, as it is", () =>
    Effect.gen(function* () {
      const counter = yield* counterA
      assert.strictEqual(yield* counter.Add({ by: 5 }), 77)
      assert.isUndefined(yield* committed)
    }).pipe(
      by(({ resume }) => {
        resume(Exit.succeed(77))
        return true
      })
    )
  )

  it.effect("that lost a call is followed by the cluster's, under the same request id", () =>
    Effect.gen(function* () {
      const counter = yield* counterA
      assert.strictEqual(yield* inVirtualTime(counter.Add({ by: 5 }, { requestId: "r" })), 5)
      assert.deepStrictEqual(yield* committed, ["r"])
    }).pipe(
      by(({ resume }) => {
        resume(Exit.fail(unavailable("ConnectionLost", "lost")))
        return true
      })
    )
  )

  it.effect("that finds the actor elsewhere late leaves the cluster only the rest of the call's time", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<IncomingCall>()
      const counter = yield* counterA.pipe(
        Effect.provideService(FastPath, { ask: (_, call) => Deferred.doneUnsafe(asked, Exit.succeed(call)) })
      )
      const calling = yield* Effect.forkChild(Effect.flip(counter.Add({ by: 5 }, { timeoutMillis: 4_000 })))
      const { resume } = yield* Deferred.await(asked)
      yield* TestClock.adjust("3 seconds")
      resume(notHere)
      yield* TestClock.adjust(900)
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust(200)
      assert.isDefined(calling.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(calling))._tag, "ActorUnavailable")
    }).pipe(Effect.provide(MemoryCluster.layer))
  )

  it.effect("that never answers is given up after ten seconds, and what it might have done is not done twice", () =>
    Effect.gen(function* () {
      const hung = yield* Deferred.make<IncomingCall>()
      const counter = yield* counterA.pipe(
        Effect.provideService(FastPath, { ask: (_, asked) => Deferred.doneUnsafe(hung, Exit.succeed(asked)) })
      )
      const calling = yield* Effect.forkChild(counter.Add({ by: 5 }, { requestId: "r" }))
      yield* Deferred.await(hung)
      yield* TestClock.adjust(9_999)
      assert.isUndefined(calling.pollUnsafe())
      for (let step = 0; step < 200 && calling.pollUnsafe() === undefined; step++) yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(calling), 5)
      assert.deepStrictEqual(yield* committed, ["r"])
    }).pipe(Effect.provide(actors))
  )
})
