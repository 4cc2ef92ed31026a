/** What every store of resources must do. */
import { assert, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { resourceMost, Resources } from "../../src/actor/Resources.ts"

export const conformance = (name: string, layer: Layer.Layer<Resources, unknown>) => {
  it.layer(layer, { timeout: 120_000, excludeTestServices: true })(`${name} resources`, (it) => {
    it.effect("are read as they were put, under one key however often they are put", () =>
      Effect.gen(function* () {
        const resources = yield* Resources
        const plan = { steps: ["\u0000", "ü", { deep: [1, null, true] }] }
        const key = yield* resources.put(plan)
        assert.strictEqual(yield* resources.put(plan), key)
        assert.deepStrictEqual(yield* resources.get(key), plan)
        assert.notStrictEqual(yield* resources.put({ steps: [] }), key)
      })
    )

    it.effect("are missing under a key that was never put", () =>
      Effect.gen(function* () {
        const missing = yield* Effect.flip((yield* Resources).get("none"))
        assert.deepInclude(missing, { _tag: "ResourceMissing", key: "none" })
        assert.deepStrictEqual(yield* Effect.flip((yield* Resources).keep("none")), missing)
      })
    )

    it.effect("are taken up to a million characters, and refused above", () =>
      Effect.gen(function* () {
        const resources = yield* Resources
        const longest = "x".repeat(resourceMost - 2)
        assert.strictEqual(yield* resources.get(yield* resources.put(longest)), longest)
        assert.strictEqual((yield* Effect.flip(resources.put(`${longest}x`)))._tag, "InvalidInput")
      })
    )
  })
}
