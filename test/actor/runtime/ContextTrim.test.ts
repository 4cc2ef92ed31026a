import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ContextTrim from "../../../src/actor/runtime/ContextTrim.ts"

class Asked extends Context.Service<Asked, number>()("test/Asked") {}
class Unasked extends Context.Service<Unasked, number>()("test/Unasked") {}
class Made extends Context.Service<Made, { readonly asked: boolean; readonly unasked: boolean }>()("test/Made") {}

const both = Context.make(Asked, 1).pipe(Context.add(Unasked, 2))

const seen = Effect.map(Effect.context<Asked>(), ({ mapUnsafe }) => ({
  asked: mapUnsafe.has(Asked.key),
  unasked: mapUnsafe.has(Unasked.key)
}))

describe("A lean context", () => {
  it.effect("has what is asked for, and nothing else that happens to be there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ContextTrim.run(seen, [Asked]), { asked: true, unasked: false })
      assert.deepStrictEqual(yield* seen, { asked: true, unasked: true })
    }).pipe(Effect.provideContext(both))
  )

  it.effect("keeps the clock and the scope", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* ContextTrim.run(Clock.currentTimeMillis, []), 3_600_000)
      yield* ContextTrim.run(
        Effect.addFinalizer(() => Effect.void),
        []
      )
    })
  )

  it.effect("is what a layer is built in", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Made, { asked: true, unasked: false })
    }).pipe(Effect.provide(ContextTrim.layer(Layer.effect(Made, seen), [Asked])), Effect.provideContext(both))
  )
})
