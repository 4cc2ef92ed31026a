/** When to connect again. Pure: `random` in [0, 1) is given. */
import type { GatewayError } from "../GatewayLink.ts"
import type { LinkLimits } from "./GatewaySession.ts"
import { toDelay } from "./BoundedFields.ts"

type RetryLimits = Pick<LinkLimits, "minRetryMillis" | "maxRetryMillis" | "hopelessRetryMillis">

/**
 * Whether trying again soon can help. Where somebody must mend something first, the link only looks in now and then.
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

/** A gateway that names a time may be asked again a little sooner than one that names none, never at once. */
const hintedFloorMillis = 1_000

/**
 * Half to all of a delay that doubles with each failure in a row (`failures` counts from 1), never above the maximum. A
 * gateway that says when to come back is asked then, within the maximum, and not before the delay that would hold
 * without its word, or a second.
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
