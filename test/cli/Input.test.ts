import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { given, parseDuration, parseWhen } from "../../src/cli/Input.ts"
import { bytes, span } from "../../src/cli/Print.ts"

describe("Input", () => {
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["0s", 0]
  ])("reads the duration %s", (text, millis) => assert.strictEqual(parseDuration(text as string), millis))

  it.each(["", "5", "5 m", "-5s", "5w", "1e3s", "soon", "99999999999d"])("refuses the duration %j", (text) => {
    assert.isUndefined(parseDuration(text))
  })

  it("reads a time from now or in UTC", () => {
    assert.deepStrictEqual(parseWhen("10m"), { afterMillis: 600_000 })
    assert.deepStrictEqual(parseWhen("2026-01-31T12:00"), { at: Date.UTC(2026, 0, 31, 12) })
    assert.deepStrictEqual(parseWhen("2026-01-31"), { at: Date.UTC(2026, 0, 31) })
    assert.deepStrictEqual(parseWhen("2026-01-31T12:00:00+02:00"), { at: Date.UTC(2026, 0, 31, 10) })
    for (const text of ["tomorrow", "2026-13-01", "12:00", ""]) assert.isUndefined(parseWhen(text))
  })

  it("keeps what was given, also when it is nothing much", () => {
    assert.deepStrictEqual(
      given({ a: Option.some(0), b: Option.none<number>(), c: undefined, d: false, e: "" }) as unknown,
      { a: 0, d: false, e: "" }
    )
  })
})

describe("Print", () => {
  it.each([
    [5, "5ms"],
    [1_234, "1.2s"],
    [59_000, "59s"],
    [61_000, "1m1s"],
    [7_200_000, "2h"],
    [90_061_000, "1d1h"]
  ])("shows %d ms as %s", (millis, text) => assert.strictEqual(span(millis as number), text))

  it("shows sizes", () => {
    assert.strictEqual(bytes(2_000), "2 KiB")
    assert.strictEqual(bytes(10 * 1_048_576), "10.0 MiB")
  })
})
