import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { KeepAlive } from "../../../src/actor/background/KeepAlive.ts"

/** Its answer takes a while to come back. */
const counted = () => {
  const calls = { open: 0, made: 0 }
  const hold: KeepAlive = new KeepAlive(
    Effect.suspend(() => {
      calls.open++
      calls.made++
      return Effect.ensuring(
        Effect.andThen(hold.released, Effect.sleep("5 millis")),
        Effect.sync(() => calls.open--)
      )
    })
  )
  return { calls, hold }
}

describe("The call that keeps an actor in memory", () => {
  it.effect("lasts while something is under way, and is one", () =>
    Effect.gen(function* () {
      const { calls, hold } = counted()
      assert.isUndefined(hold.settle(false))
      yield* Effect.forkChild(hold.settle(true)!)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(hold.settle(true))
      assert.deepStrictEqual(calls, { open: 1, made: 1 })
      hold.settle(false)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(calls, { open: 0, made: 1 })
    })
  )

  it.effect("is made again when something began before it had ended", () =>
    Effect.gen(function* () {
      const { calls, hold } = counted()
      yield* Effect.forkChild(hold.settle(true)!)
      yield* TestClock.adjust(1)
      hold.settle(false)
      assert.isUndefined(hold.settle(true))
      for (let step = 0; step < 20 && calls.made < 2; step++) yield* TestClock.adjust(100)
      assert.deepStrictEqual(calls, { open: 1, made: 2 })
    })
  )
})
