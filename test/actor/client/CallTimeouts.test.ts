import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { CallTimeouts } from "../../../src/actor/client/CallTimeouts.ts"

const late = Effect.fail("late" as const)

describe("CallTimeouts", () => {
  it.effect("gives the answer that comes in time, and the failure as it is", () =>
    Effect.gen(function* () {
      const deadlines = new CallTimeouts()
      assert.strictEqual(yield* deadlines.within(Effect.succeed(1), 100, late), 1)
      assert.strictEqual(yield* Effect.flip(deadlines.within(Effect.fail("broken"), 100, late)), "broken")
      const slow = yield* Effect.forkChild(deadlines.within(Effect.delay(Effect.succeed(2), 99), 100, late))
      yield* TestClock.adjust(99)
      assert.strictEqual(yield* Fiber.join(slow), 2)
    })
  )

  it.effect("interrupts what is late, each at its own time", () =>
    Effect.gen(function* () {
      const deadlines = new CallTimeouts()
      const interrupted: Array<number> = []
      const calls = yield* Effect.forEach([300, 100, 200], (millis) =>
        Effect.never.pipe(
          Effect.onInterrupt(() => Effect.sync(() => void interrupted.push(millis))),
          (call) => deadlines.within(call, millis, late),
          Effect.flip,
          Effect.forkChild
        )
      )
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(interrupted, [100])
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(interrupted, [100, 200, 300])
      assert.deepStrictEqual(yield* Effect.forEach(calls, Fiber.join), ["late", "late", "late"])
    })
  )

  it.effect("ends the call with its caller, and lets the others go on", () =>
    Effect.gen(function* () {
      const deadlines = new CallTimeouts()
      let ended = false
      const left = yield* Effect.ensuring(
        Effect.never,
        Effect.sync(() => (ended = true))
      ).pipe((call) => Effect.forkChild(deadlines.within(call, 100, late)))
      const other = yield* Effect.forkChild(Effect.flip(deadlines.within(Effect.never, 200, late)))
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(left)
      assert.isTrue(ended)
      yield* TestClock.adjust(149)
      assert.isUndefined(other.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(other)))
    })
  )
})
