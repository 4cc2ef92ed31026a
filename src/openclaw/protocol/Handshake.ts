/** Builds our `connect` request and checks the gateway's answer. Pure. */
import { GATEWAY_CLIENT_CAPS, GATEWAY_CLIENT_IDS, GATEWAY_CLIENT_MODES } from "@openclaw/gateway-protocol/client-info"
import type { ConnectParams } from "@openclaw/gateway-protocol/frame-guards"
import { platform } from "node:os"
import type { DeviceIdentity } from "./DeviceIdentity.ts"
import { type Challenge, type HelloOk, protocolVersion } from "./GatewayFrames.ts"
import { GatewayError, type GatewayHello } from "../GatewayLink.ts"

const client = {
  id: GATEWAY_CLIENT_IDS.GATEWAY_CLIENT,
  version: "0.1.0",
  platform: platform(),
  mode: GATEWAY_CLIENT_MODES.BACKEND
} as const

const role = "operator"
const scopes = ["operator.read", "operator.write", "operator.admin"]

/** Whether the address is loopback. Only there does a gateway grant scopes to a token without a device key. */
export const isLoopback = (url: string): boolean => {
  const host = URL.canParse(url) ? new URL(url).hostname : ""
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host)
}

export const connectParams = (options: {
  readonly token: string
  readonly challenge: typeof Challenge.Type
  /** Set when the address is not loopback and a device key is configured. */
  readonly device: DeviceIdentity | undefined
}): ConnectParams => ({
  minProtocol: protocolVersion,
  maxProtocol: protocolVersion,
  client,
  role,
  scopes,
  caps: [GATEWAY_CLIENT_CAPS.TOOL_EVENTS],
  auth: { token: options.token },
  ...(options.device === undefined ? {} : { device: signedDevice(options.device, options.token, options.challenge) })
})

const signedDevice = (device: DeviceIdentity, token: string, challenge: typeof Challenge.Type) => ({
  id: device.id,
  publicKey: device.publicKey,
  signature: device.sign(deviceText(device.id, token, challenge)),
  signedAt: challenge.ts,
  nonce: challenge.nonce
})

/** The text that the device key signs, version 3; its last field, the device family, is empty. */
export const deviceText = (deviceId: string, token: string, challenge: typeof Challenge.Type): string =>
  [
    "v3",
    deviceId,
    client.id,
    client.mode,
    role,
    scopes.join(","),
    challenge.ts,
    token,
    challenge.nonce,
    client.platform,
    ""
  ].join("|")

/**
 * Checks the gateway's hello. A connection without our scopes is useless, so missing scopes are an error. The announced
 * tick interval is clamped to `least` and `most`, so that silence is detected neither too late nor too early.
 */
export const greet = (
  url: string,
  hello: typeof HelloOk.Type,
  { least, most }: { readonly least: number; readonly most: number }
): GatewayHello | GatewayError => {
  if (hello.protocol !== protocolVersion) {
    return new GatewayError({
      reason: "ProtocolMismatch",
      message: `The gateway at ${url} speaks protocol ${hello.protocol}, Clawster speaks ${protocolVersion}`,
      retryable: false
    })
  }
  const granted = hello.auth.scopes
  const missing = scopes.filter((scope) => !granted.includes(scope))
  if (missing.length > 0) {
    return new GatewayError({
      reason: "MissingScope",
      message:
        `The gateway at ${url} granted no ${missing.join(", ")}. ` +
        "Over an address that is not loopback it wants a paired device: configure a device key and approve it there",
      details: { missing },
      retryable: false
    })
  }
  return {
    protocol: hello.protocol,
    version: hello.server.version,
    bootId: hello.server.bootId ?? hello.server.connId,
    connId: hello.server.connId,
    scopes: granted,
    maxPayloadBytes: Math.max(0, hello.policy.maxPayload),
    tickIntervalMillis: Math.min(most, Math.max(least, hello.policy.tickIntervalMs))
  }
}
