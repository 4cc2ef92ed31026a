import { assert, describe, it } from "@effect/vitest"
import { Effect, type Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Activities } from "../../../src/actor/background/Activities.ts"

/** Activities that are performed by `perform`, and how many fibers they took. */
const rig = (perform: () => Effect.Effect<void>) => {
  const rig = { forks: 0 }
  const fork = (effect: Effect.Effect<void>): Effect.Effect<Fiber.Fiber<void>> => {
    rig.forks++
    return Effect.forkDetach(effect)
  }
  return Object.assign(rig, { activities: new Activities<{ readonly key: string }>(perform, fork) })
}

const quiet = Effect.provide(Logger.layer([]))

describe("The activities of an actor's state", () => {
  it.effect("are restarted when they die: after a second, and after two", () =>
    Effect.gen(function* () {
      let runs = 0
      const { activities } = rig(() => (++runs < 3 ? Effect.die(new Error("as asked")) : Effect.void))
      yield* activities.sync([{ key: "a" }])
      yield* TestClock.adjust("799 millis")
      assert.strictEqual(runs, 1)
      yield* TestClock.adjust("401 millis")
      assert.strictEqual(runs, 2)
      yield* TestClock.adjust("399 millis")
      assert.strictEqual(runs, 2)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(runs, 3)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(runs, 3)
    }).pipe(quiet)
  )

  it.effect("are interrupted when they are no longer wanted, and cost nothing more when they have ended", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const waits = rig(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
      yield* waits.activities.sync([{ key: "a" }])
      yield* TestClock.adjust(1)
      yield* waits.activities.sync([])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([interrupted, waits.forks], [1, 2])

      const ends = rig(() => Effect.void)
      yield* ends.activities.sync([{ key: "a" }])
      yield* TestClock.adjust(1)
      yield* ends.activities.sync([])
      assert.deepStrictEqual([ends.activities.busy, ends.forks], [false, 1])
    })
  )
})
