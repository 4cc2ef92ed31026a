import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isHopeless, retryDelayMillis } from "../../../src/openclaw/protocol/Backoff.ts"
import { GatewayError } from "../../../src/openclaw/GatewayLink.ts"

const limits = { minRetryMillis: 250, maxRetryMillis: 15_000, hopelessRetryMillis: 60_000 }
const error = (reason: GatewayError["reason"], retryAfterMillis?: number) =>
  new GatewayError({
    reason,
    message: reason,
    retryable: reason === "Unreachable",
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis })
  })
const Random = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.999 }))
const Failures = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))

describe("Backoff", () => {
  it.prop("stays between half the first delay and the maximum", { failures: Failures, random: Random }, (given) => {
    const delay = retryDelayMillis(limits, error("Unreachable"), given.failures, given.random)
    assert.isAtLeast(delay, limits.minRetryMillis / 2)
    assert.isAtMost(delay, limits.maxRetryMillis)
  })

  it("doubles with each failure in a row", () => {
    const delays = [1, 2, 3].map((failures) => retryDelayMillis(limits, error("Unreachable"), failures, 0))
    assert.deepStrictEqual(delays, [125, 250, 500])
  })

  it("comes back when the gateway says so, within the maximum", () => {
    assert.strictEqual(retryDelayMillis(limits, error("Unavailable", 500), 8, 0), 500)
    assert.strictEqual(retryDelayMillis(limits, error("Unavailable", 900_000), 1, 0), limits.maxRetryMillis)
  })

  it("only looks in now and then where somebody must mend something first", () => {
    assert.isTrue(isHopeless(error("AuthenticationFailed")))
    assert.isFalse(isHopeless(error("Unreachable")))
    assert.isAtLeast(retryDelayMillis(limits, error("ProtocolMismatch"), 1, 0), limits.hopelessRetryMillis / 2)
  })
})
