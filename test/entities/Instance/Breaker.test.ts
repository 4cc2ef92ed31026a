import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Breaker from "../../../src/entities/Instance/Breaker.ts"

const profile = Breaker.profiles.openClawInstance
const Step = Schema.Struct({
  what: Schema.Literals(["success", "failure", "time"]),
  millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40_000 }))
})

describe("Breaker", () => {
  it("opens after five failures in a row, is half open after 30 s, and closes after three successes", () => {
    let breaker = Breaker.closed
    for (let index = 0; index < 4; index++) breaker = Breaker.onFailure(profile, breaker, 0)
    assert.strictEqual(Breaker.onSuccess(profile, breaker).failures, 0)
    breaker = Breaker.onFailure(profile, breaker, 0)
    assert.strictEqual(breaker.state, "open")
    assert.strictEqual(Breaker.onTime(breaker, 29_999).state, "open")
    breaker = Breaker.onTime(breaker, 30_000)
    assert.strictEqual(breaker.state, "half_open")
    for (let index = 0; index < 3; index++) breaker = Breaker.onSuccess(profile, breaker)
    assert.deepStrictEqual(breaker, Breaker.closed)
  })

  it("opens again at the first failure while half open", () => {
    const breaker = Breaker.onFailure(profile, Breaker.onSuccess(profile, Breaker.halfOpen()), 7)
    assert.deepStrictEqual(breaker, Breaker.open(30_007))
  })

  it("lets through all while closed, none while open, and three at a time while half open", () => {
    assert.isTrue(Breaker.admits(profile, Breaker.closed, 1_000))
    assert.isFalse(Breaker.admits(profile, Breaker.open(1), 0))
    assert.isTrue(Breaker.admits(profile, Breaker.halfOpen(), 2))
    assert.isFalse(Breaker.admits(profile, Breaker.halfOpen(), 3))
  })

  it("opens at 20 failures within the window, though successes lie between them", () => {
    const target = Breaker.profiles.dispatchTarget
    let breaker = Breaker.closed
    for (let index = 1; index <= 19; index++) {
      breaker = Breaker.onSuccess(target, Breaker.onFailure(target, breaker, index))
      assert.strictEqual(breaker.state, "closed")
    }
    assert.strictEqual(Breaker.onFailure(target, breaker, 20).state, "open")
    assert.strictEqual(Breaker.onFailure(target, breaker, 20 + target.total.windowMillis).state, "closed")
  })

  it.prop("never keeps more than it needs, and is open only with an end", [Schema.Array(Step)], ([steps]) => {
    let now = 0
    for (const target of Object.values(Breaker.profiles) as ReadonlyArray<Breaker.BreakerProfile>) {
      let breaker = Breaker.closed
      for (const { millis, what } of steps) {
        now += millis
        breaker =
          what === "success"
            ? Breaker.onSuccess(target, breaker)
            : what === "failure"
              ? Breaker.onFailure(target, breaker, now)
              : Breaker.onTime(breaker, now)
        assert.isAtMost(breaker.recent.length, target.total?.failures ?? 0)
        assert.isBelow(breaker.failures, target.failures)
        assert.strictEqual(breaker.state === "open", breaker.until !== undefined)
        if (breaker.until !== undefined) assert.isAtMost(breaker.until, now + target.openMillis)
      }
    }
  })
})
