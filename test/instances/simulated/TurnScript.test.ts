import { assert, describe, it } from "@effect/vitest"
import { fromMessage } from "../../../src/instances/simulated/TurnScript.ts"

describe("TurnScript", () => {
  it("answers a plain message", () => {
    assert.deepStrictEqual(fromMessage({ message: "hi" }), {
      text: "Demo answer to: hi",
      delayMillis: 0,
      tools: [],
      outcome: "answer"
    })
  })

  it("does what the directives say and leaves them out of the answer", () => {
    assert.deepStrictEqual(fromMessage({ message: "[[delay 50]] do [[tool read]] it [[TOOL exec]] [[id 7]]" }), {
      text: "Demo answer to: do it",
      delayMillis: 50,
      tools: ["read", "exec"],
      outcome: "answer"
    })
    assert.deepStrictEqual(fromMessage({ message: "[[error 429]]" }).outcome, { status: 429 })
    assert.strictEqual(fromMessage({ message: "x [[hang]]" }).outcome, "hang")
    assert.strictEqual(fromMessage({ message: "x [[say exactly this]]" }).text, "exactly this")
  })

  it("bounds a delay and ignores one that is no number", () => {
    assert.strictEqual(fromMessage({ message: "[[delay 999999999]]" }).delayMillis, 600_000)
    assert.strictEqual(fromMessage({ message: "[[delay soon]]" }).delayMillis, 0)
  })
})
