import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  afterFailure,
  afterSuccess,
  countMost,
  failureWeight,
  loadOfFailures,
  type RecentFailures,
  windowMillis
} from "../../../src/schema/instance/RecentFailures.ts"

const at = 1_000_000
const times = (count: number, step: (failures: RecentFailures | undefined) => RecentFailures | undefined) =>
  Array.from({ length: count }).reduce<RecentFailures | undefined>(step, undefined)
const fails = (count: number) => times(count, (failures) => afterFailure(failures, at))

const End = Schema.Struct({
  failed: Schema.Boolean,
  millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 * windowMillis }))
})

describe("The recent failures of an instance", () => {
  it.prop(
    "are never more than their bound and never less than nothing, whatever happens and however clocks differ",
    { ends: Schema.Array(End), skew: Schema.Int },
    ({ ends, skew }) => {
      let failures: RecentFailures | undefined
      let now = at
      for (const { failed, millis } of ends) {
        now += millis
        const before = loadOfFailures(failures, now)
        failures = failed ? afterFailure(failures, now) : afterSuccess(failures, now)
        const after = loadOfFailures(failures, now)
        if (failed && before < failureWeight * (countMost - 1)) assert.isAbove(after, before)
        if (!failed) assert.isAtMost(after, before)
        const seen = loadOfFailures(failures, now + skew)
        assert.isTrue(seen >= 0 && seen <= failureWeight * countMost, `${seen}`)
      }
      assert.strictEqual(loadOfFailures(failures, now + windowMillis), 0)
    }
  )

  it("fall with time", () => {
    const failures = fails(4)
    const loads = [0, 0.25, 0.5, 0.75, 1].map((part) => loadOfFailures(failures, at + part * windowMillis))
    assert.deepStrictEqual(loads, [8, 6, 4, 2, 0])
  })

  it("are soon over when runs succeed", () => {
    const healed = Array.from({ length: 4 }).reduce<RecentFailures | undefined>(
      (failures) => afterSuccess(failures, at),
      fails(6)
    )
    assert.isUndefined(healed)
    assert.isUndefined(afterSuccess(undefined, at))
  })
})
