/**
 * Why a run failed, as far as its gateway says: whether another try may help, and whether it is the gateway that
 * failed. Pure.
 *
 * | the gateway's reason | code | tried again | whose fault |
 * | --- | --- | --- | --- |
 * | `format`, `model_not_found`, `context_overflow` | `PROVIDER_…` | no | the request's |
 * | `auth`, `auth_permanent`, `billing` | `PROVIDER_…` | no | the account's at the provider |
 * | `rate_limit`, `overloaded` | `PROVIDER_…` | yes | the provider's |
 * | `session_expired` | `PROVIDER_…` | yes | nobody's |
 * | `server_error`, `timeout`, `empty_response`, or any other one | `PROVIDER_…` | yes | the gateway's, or of its way to the provider |
 * | none | `RUN_FAILED` | yes | the gateway's |
 */
import { bounds, cut } from "../../schema/text/Bounds.ts"
import type { TurnFailure } from "../GatewayLink.ts"

const final: ReadonlySet<string> = new Set([
  "format",
  "model_not_found",
  "context_overflow",
  "auth",
  "auth_permanent",
  "billing"
])

/** Beside those: what passes by itself, and says nothing of the gateway. */
const passing: ReadonlySet<string> = new Set(["rate_limit", "overloaded", "session_expired"])

export const failureOf = (given: string | undefined, message: string | undefined): TurnFailure => {
  const reason = (given ?? inWords(message))?.toLowerCase()
  return {
    code: reason === undefined ? "RUN_FAILED" : cut(`PROVIDER_${reason.toUpperCase()}`, bounds.errorCode),
    message: message === undefined || message === "" ? "The run failed and the gateway did not say why" : message,
    retryable: reason === undefined || !final.has(reason),
    ...(reason !== undefined && (final.has(reason) || passing.has(reason)) ? { excused: true } : {})
  }
}

/** Where the reason is not given, as in a transcript, the provider's HTTP status may be in the words. */
const inWords = (message: string | undefined): string | undefined => {
  const status = Number(/HTTP (\d{3})/.exec(message ?? "")?.[1] ?? Number.NaN)
  if (Number.isNaN(status)) return undefined
  if (status === 429) return "rate_limit"
  if (status === 401 || status === 403) return "auth"
  return status >= 500 ? "server_error" : "format"
}
