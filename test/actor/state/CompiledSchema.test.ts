import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { compileMake, decoder, encoder } from "../../../src/actor/state/CompiledSchema.ts"
import { text } from "../../../src/schema/text/Bounds.ts"

/** A new schema each time, since a compiled one stays compiled. */
const made = () =>
  Schema.Struct({
    id: text(8),
    at: Schema.optionalKey(Schema.DateTimeUtcFromMillis),
    kind: Schema.Union([Schema.TaggedStruct("A", { n: Schema.Int }), Schema.TaggedStruct("B", { list: text(4) })]),
    kept: Schema.Array(Schema.Json),
    counts: Schema.HashMap(Schema.String, Schema.Finite)
  })

const stored = {
  id: "a",
  at: 5,
  kind: { _tag: "B", list: "x" },
  kept: [{ deep: [null, 1, "two"] }],
  counts: [
    ["one", 1],
    ["two", 2]
  ]
}
const changed = { ...stored, unknown: true }
const tooLong = { ...stored, id: "more than eight" }

const outcome = (run: () => unknown): unknown => {
  try {
    return JSON.parse(JSON.stringify(run()))
  } catch (error) {
    return String((error as Error).cause ?? error)
  }
}

describe("Compiled schemas", () => {
  it("give the results and failures of interpreted ones", () => {
    const codec = Schema.toCodecJson(made()) as unknown as Schema.Codec<unknown, unknown>
    const decode = Schema.decodeUnknownSync(codec, { disableChecks: true })
    const encode = Schema.encodeUnknownSync(codec)
    const compiled = made()
    for (const value of [stored, changed, tooLong, { ...stored, kind: { _tag: "C" } }, { ...stored, at: "x" }, null]) {
      assert.deepStrictEqual(
        outcome(() => decoder(compiled)(value)),
        outcome(() => decode(value))
      )
      assert.deepStrictEqual(
        outcome(() => encoder(compiled)(decoder(compiled)(value))),
        outcome(() => encode(decode(value)))
      )
    }
  })

  it("apply no bounds to what is stored, and bounds to what is written", () => {
    const schema = made()
    const value = decoder(schema)(tooLong)
    assert.strictEqual((value as { readonly id: string }).id, "more than eight")
    assert.throws(() => encoder(schema)(value))
  })

  it("construct what interpreted ones do, and refuse what these refuse", () => {
    const [interpreted, compiled] = [made(), made()]
    compileMake(compiled)
    const value = decoder(made())(stored) as typeof interpreted.Type
    assert.deepStrictEqual(compiled.make(value), interpreted.make(value))
    assert.deepStrictEqual(
      outcome(() => compiled.make({ ...value, id: "more than eight" })),
      outcome(() => interpreted.make({ ...value, id: "more than eight" }))
    )
  })
})
