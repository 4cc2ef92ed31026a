/**
 * Maps the end of a turn, or an error of the gateway, to the outcome of the attempt and to the verdict for the circuit
 * breaker:
 *
 * | observed | outcome | retryable | breaker |
 * | --- | --- | --- | --- |
 * | `ok` | completed | | success |
 * | `aborted`, not by us | failed `AbortedAtGateway` | no: somebody aborted it on purpose | neutral |
 * | `timeout`, reported by the gateway | failed `AttemptTimeout` | yes | neutral: the limit was the caller's |
 * | not ended by the gateway in time | failed `AttemptTimeout` | yes | failure |
 * | `error` with a reason | failed, the gateway's code | see `Failures` | failure where the gateway is at fault |
 * | `error` without a reason | failed `RUN_FAILED` | yes | failure |
 * | `InvalidRequest` | failed `InvalidRequest` | no | neutral |
 * | `InvalidRequest`, the gateway accepts less than it must | failed `InvalidRequest` | yes | failure |
 * | `Failed`: refused for a reason that is not the caller's | failed, the gateway's code | yes | failure |
 * | `Unavailable` ten times in a row, or no answer three times in a row | failed `GatewayUnavailable` | yes | failure |
 * | refused: token, pairing, protocol, scope | failed, the reason | yes: on another instance | failure |
 * | `Unreachable`, `ConnectionLost`, `FrameTooLarge`, `Closed` | none: reconcile and continue, until the gateway has been unreachable too long | | |
 * | unreachable too long | failed `GatewayLost`; or returned to its origin when nothing of it was sent | yes | neutral |
 */
import type { TurnEnd, TurnFailure } from "../../../openclaw/GatewayLink.ts"
import type { GatewayError } from "../../../openclaw/GatewayLink.ts"
import { bounds, cut } from "../../../schema/text/Bounds.ts"
import type { Verdict } from "../../../schema/events/InstanceEvents.ts"
import type { RunOutcome } from "./RunTransitions.ts"

export interface Verdicted {
  readonly outcome: RunOutcome
  readonly verdict: Verdict
}

const failed = (code: string, message: string, retryable: boolean, verdict: Verdict): Verdicted => ({
  outcome: {
    _tag: "failed",
    error: { code: cut(code, bounds.errorCode), message: cut(message, bounds.errorMessage), retryable }
  },
  verdict
})

export const ofEnd = (end: TurnEnd, durationMillis: number): Verdicted => {
  switch (end.status) {
    case "ok":
      return {
        outcome: {
          _tag: "completed",
          result: {
            text: end.text,
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
      const { code, excused, message, retryable }: TurnFailure = end.failure ?? {
        code: "UNKNOWN",
        message: "the gateway ended the turn with an error and gave no reason",
        retryable: true
      }
      return failed(code, message, retryable, excused === true ? "neutral" : "failure")
    }
  }
}

/** Undefined when the run may still be in flight, or may be sent later: the caller reconciles. */
export const ofError = (error: GatewayError): Verdicted | undefined => {
  switch (error.reason) {
    case "InvalidRequest":
      return failed(error.reason, error.message, error.retryable, error.retryable ? "failure" : "neutral")
    case "Failed":
      return failed(error.code ?? "RUN_FAILED", error.message, true, "failure")
    case "AuthenticationFailed":
    case "PairingRequired":
    case "ProtocolMismatch":
    case "MissingScope":
      return failed(error.reason, error.message, true, "failure")
    case "Unavailable":
    case "Unreachable":
    case "ConnectionLost":
    case "FrameTooLarge":
    case "DeadlineExceeded":
    case "Closed":
      return undefined
  }
}

export const unavailable = (error: GatewayError): Verdicted =>
  failed("GatewayUnavailable", error.message, true, "failure")

export const lostCode = "GatewayLost"

/** The gateway did not come back in time. Its later reports on the attempt are ignored. */
export const lost = (reason: string): Verdicted =>
  failed(lostCode, `the gateway has been away too long to wait for this run: ${reason}`, true, "neutral")

export const neverSent = (reason: string): Verdicted => ({ outcome: { _tag: "refused", reason }, verdict: "neutral" })

/** The row with the text was removed, so the attempt can no longer run. */
export const payloadGone: Verdicted = failed(
  "PayloadGone",
  "the text of the task or turn is not kept any more",
  false,
  "neutral"
)
