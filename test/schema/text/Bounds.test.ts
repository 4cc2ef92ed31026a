import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  cut,
  instant,
  instantText,
  isStorable,
  lastInstant,
  nonEmptyText,
  text
} from "../../../src/schema/text/Bounds.ts"

const accepts = <A>(schema: Schema.Codec<A, unknown>, value: unknown) =>
  Schema.decodeUnknownResult(schema)(value)._tag === "Success"

describe("text from callers", () => {
  it("is accepted at its bound and refused one above", () => {
    assert.isTrue(accepts(text(5), "fives"))
    assert.isFalse(accepts(text(5), "sixsix"))
    assert.isTrue(accepts(text(5), ""))
    assert.isFalse(accepts(nonEmptyText(5), ""))
  })

  it("is refused when the store could not hold it", () => {
    assert.isFalse(accepts(text(5), "a\u0000b"))
    assert.isFalse(accepts(text(5), "a\ud800b"))
    assert.isTrue(accepts(text(5), "a\u{1F600}b"))
  })
})

describe("an instant", () => {
  it("is accepted up to the last one that a Date can hold", () => {
    assert.isTrue(accepts(instant, lastInstant))
    assert.isFalse(accepts(instant, lastInstant + 1))
    assert.isFalse(accepts(instant, -1))
    assert.isFalse(accepts(instant, 0.5))
  })
})

describe("an instant in words", () => {
  it("is told whatever it is", () => {
    assert.strictEqual(instantText(0), "1970-01-01T00:00:00.000Z")
    assert.strictEqual(instantText(lastInstant), "+275760-09-13T00:00:00.000Z")
    assert.strictEqual(instantText(lastInstant + 1), "8640000000000001 ms")
    assert.strictEqual(instantText(1e308), "1e+308 ms")
  })
})

describe("a text that is cut", () => {
  it("is left as it is at its bound, and says how long it was one above", () => {
    const fits = "x".repeat(100)
    assert.strictEqual(cut(fits, 100), fits)
    const cutOff = cut(`${fits}x`, 100)
    assert.isAtMost(cutOff.length, 100)
    assert.include(cutOff, "[cut: 101 characters]")
  })

  it.prop("can always be stored, and is never longer than its bound", [Schema.String, Schema.Int], ([value, at]) => {
    const broken = `${value.slice(0, at)}\u0000\ud83d${value}`.repeat(8)
    const kept = cut(broken, 64)
    return isStorable(kept) && kept.length <= 64
  })
})
