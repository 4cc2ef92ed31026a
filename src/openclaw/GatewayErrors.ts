/**
 * How the gateway's refusals and closes become a `GatewayError`. Pure: callers branch on `reason`, and keep the gateway's
 * own `code`, `details`, `retryable` and `retryAfterMs`.
 */
import { ConnectErrorDetailCodes, readConnectErrorDetailCode } from "@openclaw/gateway-protocol/connect-error-details"
import type { ErrorShape } from "@openclaw/gateway-protocol/frame-guards"
import { GATEWAY_STARTUP_CLOSE_CODE } from "@openclaw/gateway-protocol/startup-unavailable"
import { Option, Schema } from "effect"
import { GatewayError } from "./GatewayLink.ts"

type Reason = GatewayError["reason"]

const pairingCodes: ReadonlySet<string> = new Set([
  ConnectErrorDetailCodes.PAIRING_REQUIRED,
  ConnectErrorDetailCodes.DEVICE_IDENTITY_REQUIRED,
  ConnectErrorDetailCodes.CONTROL_UI_DEVICE_IDENTITY_REQUIRED
])

const protocolCodes: ReadonlySet<string> = new Set([
  ConnectErrorDetailCodes.PROTOCOL_MISMATCH,
  ConnectErrorDetailCodes.CLIENT_VERSION_MISMATCH
])

const reasonOf = (code: string, detailCode: string | null): Reason => {
  if (detailCode !== null) {
    if (pairingCodes.has(detailCode)) return "PairingRequired"
    if (protocolCodes.has(detailCode)) return "ProtocolMismatch"
    if (detailCode === ConnectErrorDetailCodes.AUTH_RATE_LIMITED) return "Unavailable"
    if (/^(AUTH|DEVICE_AUTH)_/.test(detailCode)) return "AuthenticationFailed"
  }
  if (code === "FORBIDDEN") return "MissingScope"
  if (code === "NOT_PAIRED") return "PairingRequired"
  return code === "UNAVAILABLE" ? "Unavailable" : "InvalidRequest"
}

/** What a `res` with `ok: false` says. `subject` is the method, for the message. */
export const fromErrorShape = (subject: string, error: ErrorShape | undefined): GatewayError => {
  if (error === undefined) {
    return new GatewayError({
      reason: "ProtocolMismatch",
      message: `${subject}: the gateway refused without saying why`,
      retryable: false
    })
  }
  const detailCode = readConnectErrorDetailCode(error.details)
  const reason = reasonOf(error.code, detailCode)
  const details = Schema.decodeUnknownOption(Schema.Json)(error.details)
  const rateLimited = detailCode === ConnectErrorDetailCodes.AUTH_RATE_LIMITED
  return new GatewayError({
    reason,
    code: error.code,
    message: `${subject}: ${error.message}${advice(reason)}`,
    ...(Option.isSome(details) ? { details: details.value } : {}),
    retryable: error.retryable ?? rateLimited,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMillis: error.retryAfterMs })
  })
}

const advice = (reason: Reason): string => {
  switch (reason) {
    case "AuthenticationFailed":
      return ". Set the instance's token to the gateway's gateway.auth.token"
    case "PairingRequired":
      return ". Approve this device on the gateway: openclaw devices approve"
    case "ProtocolMismatch":
      return ". Clawster speaks protocol 4; install an OpenClaw that does"
    default:
      return ""
  }
}

/** What the end of a socket says. `greeted` is whether the handshake had succeeded. */
export const fromClose = (
  url: string,
  close: { readonly code: number; readonly reason: string; readonly restartExpectedMillis?: number | undefined },
  greeted: boolean
): GatewayError => {
  const told = close.reason === "" ? `close code ${close.code}` : `${close.reason} (close code ${close.code})`
  const retryAfter = close.restartExpectedMillis === undefined ? {} : { retryAfterMillis: close.restartExpectedMillis }
  if (close.code === 1002) {
    return new GatewayError({
      reason: "ProtocolMismatch",
      message: `The gateway at ${url} refused the protocol: ${told}${advice("ProtocolMismatch")}`,
      retryable: false
    })
  }
  if (close.code === 1008 && !greeted) {
    return new GatewayError({
      reason: "AuthenticationFailed",
      message: `The gateway at ${url} refused the connection: ${told}${advice("AuthenticationFailed")}`,
      retryable: false
    })
  }
  if (close.code === GATEWAY_STARTUP_CLOSE_CODE) {
    return new GatewayError({
      reason: "Unavailable",
      message: `The gateway at ${url} is starting: ${told}`,
      retryable: true,
      ...retryAfter
    })
  }
  return new GatewayError({
    reason: "ConnectionLost",
    message: greeted
      ? `The connection to the gateway at ${url} was lost: ${told}. Runs go on there; reconcile before sending again`
      : `The gateway at ${url} closed the connection during the handshake: ${told}`,
    retryable: true,
    ...retryAfter
  })
}

/** What a socket that never opened says. */
export const fromConnectFailure = (
  url: string,
  failure: { readonly code?: string | undefined; readonly message: string; readonly httpStatus?: number | undefined }
): GatewayError => {
  const { httpStatus } = failure
  if (httpStatus !== undefined && httpStatus < 500) {
    return new GatewayError({
      reason: httpStatus === 401 || httpStatus === 403 ? "AuthenticationFailed" : "ProtocolMismatch",
      message:
        httpStatus === 401 || httpStatus === 403
          ? `The gateway at ${url} refused the upgrade with HTTP ${httpStatus}. Is a proxy between us (gateway.trustedProxies)?`
          : `What listens at ${url} answered HTTP ${httpStatus} instead of a WebSocket: it is not an OpenClaw gateway`,
      retryable: false
    })
  }
  return new GatewayError({
    reason: "Unreachable",
    ...(failure.code === undefined ? {} : { code: failure.code }),
    message: `Cannot reach the gateway at ${url}: ${failure.message}. Is it running, and the address right?`,
    retryable: true
  })
}

/** Nothing was answered in time. */
export const deadlineExceeded = (what: string, millis: number): GatewayError =>
  new GatewayError({
    reason: "DeadlineExceeded",
    message: `${what} did not end within ${millis} ms`,
    retryable: true
  })
