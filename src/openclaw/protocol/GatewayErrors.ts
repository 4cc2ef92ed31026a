/**
 * Maps the gateway's refusals and socket closes to a `GatewayError`. Pure. Callers branch on `reason`; the error keeps
 * the gateway's own `code`, `retryable` and `retryAfterMs`, and the code and the reason in its `details`.
 */
import { ConnectErrorDetailCodes, readConnectErrorDetailCode } from "@openclaw/gateway-protocol/connect-error-details"
import { GATEWAY_STARTUP_CLOSE_CODE } from "@openclaw/gateway-protocol/startup-unavailable"
import { Option, Schema } from "effect"
import { bounds, cut } from "../../schema/text/Bounds.ts"
import { Refusal } from "./GatewayFrames.ts"
import { GatewayError } from "../GatewayLink.ts"
import { text } from "./BoundedFields.ts"

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

/** Reasons for the gateway's error codes; any other code is a failure of the gateway itself (`Failed`). */
const reasons: Readonly<Record<string, Reason>> = {
  FORBIDDEN: "MissingScope",
  NOT_PAIRED: "PairingRequired",
  NOT_LINKED: "PairingRequired",
  UNAVAILABLE: "Unavailable",
  INVALID_REQUEST: "InvalidRequest"
}

const reasonOf = (code: string, detailCode: string | null): Reason => {
  if (detailCode !== null) {
    if (pairingCodes.has(detailCode)) return "PairingRequired"
    if (protocolCodes.has(detailCode)) return "ProtocolMismatch"
    if (detailCode === ConnectErrorDetailCodes.AUTH_RATE_LIMITED) return "Unavailable"
    if (/^(AUTH|DEVICE_AUTH)_/.test(detailCode)) return "AuthenticationFailed"
  }
  return Object.hasOwn(reasons, code) ? reasons[code]! : "Failed"
}

const decodeRefusal = Schema.decodeUnknownOption(Refusal)

/** The error for a `res` frame with `ok: false`, whatever its shape. `subject` is the method, for the message. */
export const fromErrorShape = (subject: string, said: unknown): GatewayError => {
  const refusal = Option.getOrUndefined(decodeRefusal(said))
  if (refusal === undefined) {
    return new GatewayError({
      reason: "Failed",
      message: `${subject}: the gateway refused without saying why`,
      retryable: true
    })
  }
  const detailCode = readConnectErrorDetailCode(refusal.details)
  const reason = reasonOf(refusal.code, detailCode)
  const detailReason = Option.getOrUndefined(decodeDetail(refusal.details))?.reason
  const rateLimited = detailCode === ConnectErrorDetailCodes.AUTH_RATE_LIMITED
  return new GatewayError({
    reason,
    code: refusal.code,
    message: cut(`${subject}: ${refusal.message}${advice(reason)}`, bounds.errorMessage),
    ...detailsOf(detailCode, detailReason),
    retryable: refusal.retryable ?? (rateLimited || reason === "Failed"),
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMillis: refusal.retryAfterMs })
  })
}

/** The code and the reason of the gateway's own details, which may hold anything. */
const detailsOf = (code: string | null | undefined, reason: string | undefined) =>
  (code ?? reason) === undefined
    ? {}
    : {
        details: {
          ...(code === undefined || code === null ? {} : { code: cut(code, bounds.errorCode) }),
          ...(reason === undefined ? {} : { reason })
        }
      }

/** The message of a refusal, empty when there is none. */
export const messageOf = (said: unknown): string => Option.getOrUndefined(decodeRefusal(said))?.message ?? ""

const decodeDetail = Schema.decodeUnknownOption(Schema.Struct({ reason: text(bounds.errorCode) }))

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

/** The error for a closed socket. `greeted` is whether the handshake had succeeded. */
export const fromClose = (
  url: string,
  close: {
    readonly code: number
    readonly reason: string
    readonly restartExpectedMillis?: number | undefined
    /** Set when we closed the socket because of a frame larger than this. */
    readonly tooLargeBytes?: number | undefined
  },
  greeted: boolean
): GatewayError => {
  const reason = cut(close.reason, bounds.label)
  const told = reason === "" ? `close code ${close.code}` : `${reason} (close code ${close.code})`
  const retryAfter = close.restartExpectedMillis === undefined ? {} : { retryAfterMillis: close.restartExpectedMillis }
  if (close.tooLargeBytes !== undefined) {
    return new GatewayError({
      reason: "FrameTooLarge",
      message: `The gateway at ${url} sent a frame of more than ${close.tooLargeBytes} bytes; the connection was closed unread`,
      retryable: true
    })
  }
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

/** The error for a socket that never opened. */
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

/** The error for an operation that did not end within `millis`. */
export const deadlineExceeded = (what: string, millis: number): GatewayError =>
  new GatewayError({
    reason: "DeadlineExceeded",
    message: `${what} did not end within ${millis} ms`,
    retryable: true
  })
