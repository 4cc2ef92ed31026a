import { assert, describe, it } from "@effect/vitest"
import { causeChain } from "../../../src/schema/text/CauseChain.ts"

const codes = (error: unknown) => causeChain<{ code: unknown }>(error).map(({ code }) => code)

describe("what an error was caused by", () => {
  it("is found under the names that libraries give it, outermost first", () => {
    const socket = Object.assign(new Error("refused"), { code: "ECONNREFUSED" })
    const tried = Object.assign(new AggregateError([socket]), { code: "all" })
    const wrapped = { code: "sql", reason: { code: "connection", cause: tried } }
    assert.deepStrictEqual(codes(wrapped), ["sql", "connection", "all", "ECONNREFUSED"])
  })

  it("is not a reason in words, and ends where it goes in a circle", () => {
    const circle: { code: string; reason: string; cause?: unknown } = { code: "a", reason: "in words" }
    circle.cause = circle
    assert.strictEqual(codes(circle).length, 12)
    assert.deepStrictEqual([codes("text"), codes(undefined)], [[], []])
  })
})
