/** Computes when to reconnect. Pure: the caller passes `random` in [0, 1). */
import type { GatewayError } from "../GatewayLink.ts"
import type { LinkLimits } from "./GatewaySession.ts"
import { toDelay } from "./BoundedFields.ts"

type RetryLimits = Pick<LinkLimits, "minRetryMillis" | "maxRetryMillis" | "hopelessRetryMillis">

/**
 * Whether retrying cannot help until an operator fixes something. The link then retries only at `hopelessRetryMillis`.
 */
export const isHopeless = (error: GatewayError): boolean => {
  switch (error.reason) {
    case "AuthenticationFailed":
    case "PairingRequired":
    case "ProtocolMismatch":
    case "MissingScope":
    case "InvalidRequest":
      return !error.retryable
    default:
      return false
  }
}

/**
 * Floor of a hinted delay in milliseconds: a gateway that gives a hint may be retried somewhat sooner than without a
 * hint, but never at once.
 */
const hintedFloorMillis = 1_000

/**
 * The delay before reconnecting, in milliseconds: half to all of a delay that doubles with each consecutive failure
 * (`failures` counts from 1), capped at the maximum. With a retry-after hint it is the hint plus up to 25 % of jitter,
 * capped at the maximum, and at least half to all of the smaller of the backoff delay and one second.
 */
export const retryDelayMillis = (
  limits: RetryLimits,
  error: GatewayError,
  failures: number,
  random: number
): number => {
  if (isHopeless(error)) return limits.hopelessRetryMillis * (0.5 + random / 2)
  const doubled = Math.min(limits.maxRetryMillis, limits.minRetryMillis * 2 ** Math.min(failures - 1, 30))
  const hint = toDelay(error.retryAfterMillis)
  if (hint === undefined) return doubled * (0.5 + random / 2)
  return Math.max(
    Math.min(doubled, hintedFloorMillis) * (0.5 + random / 2),
    Math.min(limits.maxRetryMillis, hint * (1 + random / 4))
  )
}
