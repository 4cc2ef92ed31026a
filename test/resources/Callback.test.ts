import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { callbackWith } from "../../src/resources/Callback.ts"

const resource = () => {
  const seen = { acquired: 0, released: 0 }
  const use = <A, E = never>(answer?: Effect.Effect<A, E>, when: "at once" | "later" = "later") =>
    callbackWith<{ open: boolean }, A, E>(
      (resume) => {
        seen.acquired++
        if (answer !== undefined && when === "at once") resume(answer)
        if (answer !== undefined && when === "later") queueMicrotask(() => resume(answer))
        return { open: true }
      },
      (held) => {
        assert.isTrue(held.open)
        held.open = false
        seen.released++
      }
    )
  return { seen, use }
}

describe("A resource that calls back is released once, before the effect goes on", () => {
  for (const when of ["at once", "later"] as const) {
    it.effect(`when it answers ${when}`, () =>
      Effect.gen(function* () {
        const { seen, use } = resource()
        assert.strictEqual(yield* use(Effect.succeed(1), when), 1)
        assert.deepStrictEqual(seen, { acquired: 1, released: 1 })
      })
    )

    it.effect(`when it fails ${when}`, () =>
      Effect.gen(function* () {
        const { seen, use } = resource()
        assert.deepStrictEqual(yield* Effect.exit(use(Effect.fail("no"), when)), Exit.fail("no"))
        assert.deepStrictEqual(seen, { acquired: 1, released: 1 })
      })
    )
  }

  it.effect("when it answers twice", () =>
    Effect.gen(function* () {
      let released = 0
      const answer = yield* callbackWith<string, number>(
        (resume) => {
          queueMicrotask(() => resume(Effect.succeed(1)))
          queueMicrotask(() => resume(Effect.succeed(2)))
          return "held"
        },
        () => void released++
      )
      yield* Effect.yieldNow
      assert.deepStrictEqual([answer, released], [1, 1])
    })
  )

  it.effect("when its effect is interrupted", () =>
    Effect.gen(function* () {
      const { seen, use } = resource()
      const fiber = yield* Effect.forkChild(use<never>(), { startImmediately: true })
      assert.deepStrictEqual(seen, { acquired: 1, released: 0 })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(seen, { acquired: 1, released: 1 })
    })
  )
})
