/**
 * Classifies a failed run by the reason that its gateway reports: whether a retry may help, and whether the gateway
 * itself failed. Pure.
 *
 * | the gateway's reason | code | retried | whose fault |
 * | --- | --- | --- | --- |
 * | `format`, `model_not_found`, `context_overflow` | `PROVIDER_…` | no | the request's |
 * | `auth`, `auth_permanent`, `billing` | `PROVIDER_…` | no | the account's at the provider |
 * | `rate_limit`, `overloaded` | `PROVIDER_…` | yes | the provider's |
 * | `session_expired` | `PROVIDER_…` | yes | nobody's |
 * | `server_error`, `timeout`, `empty_response`, or any other | `PROVIDER_…` | yes | the gateway's, or its connection to the provider |
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

/** Transient reasons that, like the final ones, do not count against the gateway. */
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

/** Without a reported reason, as in a transcript, the message may contain the provider's HTTP status. */
const inWords = (message: string | undefined): string | undefined => {
  const status = Number(/HTTP (\d{3})/.exec(message ?? "")?.[1] ?? Number.NaN)
  if (Number.isNaN(status)) return undefined
  if (status === 429) return "rate_limit"
  if (status === 401 || status === 403) return "auth"
  return status >= 500 ? "server_error" : "format"
}
