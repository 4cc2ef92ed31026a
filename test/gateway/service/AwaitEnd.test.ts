import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import { EventHub } from "../../../src/gateway/events/EventHub.ts"
import { untilOver } from "../../../src/gateway/service/AwaitEnd.ts"

/** A hub that wakes when told to, and a status that counts how often it is asked for. */
const scene = Effect.gen(function* () {
  const woken = yield* Queue.unbounded<void>()
  const seen = { asked: 0, listening: 0, now: "running" }
  const hub = {
    wakeups: () => Effect.sync(() => (seen.listening++, woken as Queue.Dequeue<void>))
  } as unknown as EventHub["Service"]
  const status = Effect.sync(() => (seen.asked++, seen.now))
  const wait = (millis: number) =>
    untilOver("task/acme/t1", millis, status, (now) => now === "done").pipe(Effect.provideService(EventHub, hub))
  return { seen, wait, woken }
})

describe("waiting for an end", () => {
  it.effect("asks once, and once more when it is woken", () =>
    Effect.gen(function* () {
      const { seen, wait, woken } = yield* scene
      const fiber = yield* Effect.forkChild(wait(60_000))
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(seen, { asked: 1, listening: 1 })
      seen.now = "done"
      yield* Queue.offer(woken, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(seen.asked, 2)
    })
  )

  it.effect("asks once for what is over already, and for who does not wait", () =>
    Effect.gen(function* () {
      const { seen, wait } = yield* scene
      assert.strictEqual(yield* wait(0), "running")
      seen.now = "done"
      assert.strictEqual(yield* wait(60_000), "done")
      assert.strictEqual(seen.asked, 2)
    })
  )

  it.effect("looks by itself seldom, so that a wake-up that was lost is no end that is never seen", () =>
    Effect.gen(function* () {
      const { seen, wait } = yield* scene
      const fiber = yield* Effect.forkChild(wait(60_000))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(seen.asked, 1)
      seen.now = "done"
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(seen.asked, 2)
    })
  )

  it.effect("answers with what it saw last when the time is over", () =>
    Effect.gen(function* () {
      const { seen, wait } = yield* scene
      const fiber = yield* Effect.forkChild(wait(60_000))
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "running")
      assert.isAtMost(seen.asked, 6)
    })
  )
})
