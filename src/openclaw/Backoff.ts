/** When to connect again. Pure: `random` in [0, 1) is given. */
import type { GatewayError } from "./GatewayLink.ts"
import type { LinkLimits } from "./GatewaySession.ts"

type RetryLimits = Pick<LinkLimits, "minRetryMillis" | "maxRetryMillis" | "hopelessRetryMillis">

/** Whether trying again soon can help. Where somebody must mend something first, the link only looks in now and then. */
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
 * Half to all of a delay that doubles with each failure in a row (`failures` counts from 1), never above the maximum. A
 * gateway that says when to come back is asked then, if that is within the maximum.
 */
export const retryDelayMillis = (
  limits: RetryLimits,
  error: GatewayError,
  failures: number,
  random: number
): number => {
  if (isHopeless(error)) return limits.hopelessRetryMillis * (0.5 + random / 2)
  const doubled = Math.min(limits.maxRetryMillis, limits.minRetryMillis * 2 ** Math.min(failures - 1, 30))
  if (error.retryAfterMillis !== undefined) {
    return Math.min(limits.maxRetryMillis, error.retryAfterMillis * (1 + random / 4))
  }
  return doubled * (0.5 + random / 2)
}
