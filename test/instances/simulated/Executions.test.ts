import { assert, describe, it } from "@effect/vitest"
import { Executions } from "../../../src/instances/simulated/Executions.ts"

describe("the count of executions", () => {
  it("goes on for the run keys that it keeps when it takes no further ones", () => {
    const executions = new Executions(true, 1)
    executions.onStart("a.1", "s", "hello", false)
    executions.onStart("b.1", "s", "bye", false)
    executions.onStart("a.1", "s", "hello", false)
    assert.deepStrictEqual(
      executions.all().map(({ executions: times, runKey }) => [runKey, times]),
      [["a.1", 2]]
    )
    assert.deepStrictEqual(executions.repeatedMessages(), ["hello"])
  })
})
