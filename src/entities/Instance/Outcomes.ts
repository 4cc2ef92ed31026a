/**
 * What the end of a turn, or an error of the gateway, means for the attempt, and for the circuit breaker:
 *
 * | seen | outcome | retryable | breaker |
 * | --- | --- | --- | --- |
 * | `ok` | completed | | success |
 * | `aborted`, not by us | failed `AbortedAtGateway` | no: somebody wanted it | neutral |
 * | `timeout`, told by the gateway | failed `AttemptTimeout` | yes | neutral: the limit was the caller's |
 * | not ended by the gateway in time | failed `AttemptTimeout` | yes | failure |
 * | `error` that may pass (provider 5xx, 429, cut stream) | failed, the gateway's code | yes | failure |
 * | `error` that may not (provider 4xx, format) | failed, the gateway's code | no | neutral |
 * | `error` `RUN_NEVER_BEGAN`: the gateway restarted before the turn's time came | failed, that code | yes | neutral |
 * | `InvalidRequest` | failed `InvalidRequest` | no | neutral |
 * | `Unavailable` ten times | failed `GatewayUnavailable` | yes | failure |
 * | refused: token, pairing, protocol, scope | failed, the reason | yes: on another instance | failure |
 * | `Unreachable`, `ConnectionLost`, `Closed`, `DeadlineExceeded` | none: reconcile and go on, until the attempt's time is over | | |
 */
import type { TurnEnd } from "../../openclaw/GatewayLink.ts"
import type { GatewayError } from "../../openclaw/GatewayLink.ts"
import type { Verdict } from "../../schema/events/InstanceEvents.ts"
import type { RunOutcome } from "./RunTransitions.ts"

export interface Verdicted {
  readonly outcome: RunOutcome
  readonly verdict: Verdict
}

/** Characters of a result's text that are kept. */
export const resultTextMax = 1_000_000

const failed = (code: string, message: string, retryable: boolean, verdict: Verdict): Verdicted => ({
  outcome: { _tag: "failed", error: { code, message, retryable } },
  verdict
})

export const ofEnd = (end: TurnEnd, durationMillis: number): Verdicted => {
  switch (end.status) {
    case "ok":
      return {
        outcome: {
          _tag: "completed",
          result: {
            text: end.text.slice(0, resultTextMax),
            durationMillis,
            ...(end.usage === undefined ? {} : { usage: end.usage })
          }
        },
        verdict: "success"
      }
    case "aborted":
      return failed("AbortedAtGateway", "the turn was aborted at the gateway", false, "neutral")
    case "timeout":
      return failed("AttemptTimeout", "the attempt did not end within its time", true, "neutral")
    case "error": {
      const { code, message, retryable } = end.failure ?? {
        code: "UNKNOWN",
        message: "the gateway ended the turn with an error and gave no reason",
        retryable: true
      }
      return failed(code, message, retryable, retryable && code !== "RUN_NEVER_BEGAN" ? "failure" : "neutral")
    }
  }
}

/** Undefined: the run may still be under way, or may be sent later; reconcile. */
export const ofError = (error: GatewayError): Verdicted | undefined => {
  switch (error.reason) {
    case "InvalidRequest":
      return failed(error.reason, error.message, false, "neutral")
    case "AuthenticationFailed":
    case "PairingRequired":
    case "ProtocolMismatch":
    case "MissingScope":
      return failed(error.reason, error.message, true, "failure")
    case "Unavailable":
    case "Unreachable":
    case "ConnectionLost":
    case "DeadlineExceeded":
    case "Closed":
      return undefined
  }
}

export const unavailable = (error: GatewayError): Verdicted =>
  failed("GatewayUnavailable", error.message, true, "failure")

export const neverSent = (reason: string): Verdicted => ({ outcome: { _tag: "refused", reason }, verdict: "neutral" })
