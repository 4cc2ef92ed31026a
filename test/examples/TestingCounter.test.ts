import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { program } from "../../examples/testing-counter.ts"

it.live("the example's counter keeps every guarantee through two minutes of faults", () =>
  Effect.gen(function* () {
    const report = yield* program(1)
    assert.deepStrictEqual(report.violations, [])
    assert.isAbove(report.commits, 100)
    assert.isAbove(report.faults.length, 5)
  })
)
