/**
 * The frames of the gateway's WebSocket protocol, version 4: JSON text frames `req`, `res` and `event`. Source:
 * `@openclaw/gateway-protocol`, whose guards are used here, and frames seen from a real gateway. Payloads are decoded
 * leniently: only what is used is named, unknown fields are ignored, since every gateway release adds some.
 */
import type { ErrorShape } from "@openclaw/gateway-protocol/frame-guards"
import { isGatewayEventFrame, isGatewayResponseFrame } from "@openclaw/gateway-protocol/frame-guards"
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version"
import { Effect, Result, Schema } from "effect"
import { GatewayError } from "./GatewayLink.ts"

export const protocolVersion: number = PROTOCOL_VERSION

export interface ResponseFrame {
  readonly _tag: "Response"
  readonly id: string
  readonly ok: boolean
  readonly payload: unknown
  readonly error: ErrorShape | undefined
}

export interface EventFrame {
  readonly _tag: "Event"
  readonly event: string
  readonly payload: unknown
}

export type InboundFrame = ResponseFrame | EventFrame

/** Reads one text frame; `undefined` for anything that is not a frame of this protocol, which is ignored. */
export const parseFrame = (text: string): InboundFrame | undefined => {
  const json = parseJson(text)
  if (isGatewayResponseFrame(json)) {
    return { _tag: "Response", id: json.id, ok: json.ok, payload: json.payload, error: json.error }
  }
  if (isGatewayEventFrame(json)) return { _tag: "Event", event: json.event, payload: json.payload }
  return undefined
}

const parseJson = (text: string): unknown =>
  Result.getOrElse(
    Result.try(() => JSON.parse(text)),
    () => undefined
  )

export interface Request {
  readonly id: string
  readonly method: string
  readonly params: Schema.JsonObject
  /** W3C trace context of the caller. */
  readonly traceparent?: string | undefined
}

export const requestText = (request: Request): string => JSON.stringify({ type: "req", ...request })

/** Decodes what a method answered; an unexpected shape is a typed error that names the method and the field. */
export const decodePayload =
  <S extends Schema.ConstraintDecoder<unknown>>(method: string, schema: S) =>
  (payload: unknown): Effect.Effect<S["Type"], GatewayError> =>
    Schema.decodeUnknownEffect(schema)(payload).pipe(
      Effect.mapError(
        (error) =>
          new GatewayError({
            reason: "ProtocolMismatch",
            message: `The gateway's answer to ${method} has an unexpected shape: ${error.message}`,
            retryable: false
          })
      )
    )

/** The answer to `connect`. */
export const HelloOk = Schema.Struct({
  protocol: Schema.Int,
  server: Schema.Struct({ version: Schema.String, bootId: Schema.optional(Schema.String), connId: Schema.String }),
  auth: Schema.Struct({ scopes: Schema.optional(Schema.Array(Schema.String)) }),
  policy: Schema.Struct({ maxPayload: Schema.Number, tickIntervalMs: Schema.Number })
})

export const Challenge = Schema.Struct({ nonce: Schema.String, ts: Schema.Number })

const TerminalReply = Schema.Struct({ text: Schema.optional(Schema.String) })

const ErrorObservation = Schema.Struct({ failoverReason: Schema.optional(Schema.String) })

/** An `agent` event. What `data` holds depends on `stream`; all that is used is optional here. */
export const AgentEvent = Schema.Struct({
  runId: Schema.String,
  sessionKey: Schema.optional(Schema.String),
  stream: Schema.String,
  data: Schema.Struct({
    phase: Schema.optional(Schema.String),
    status: Schema.optional(Schema.String),
    aborted: Schema.optional(Schema.Boolean),
    stopReason: Schema.optional(Schema.String),
    timeoutPhase: Schema.optional(Schema.String),
    error: Schema.optional(Schema.String),
    errorObservation: Schema.optional(ErrorObservation),
    terminalReply: Schema.optional(TerminalReply),
    provider: Schema.optional(Schema.NullOr(Schema.String)),
    text: Schema.optional(Schema.String),
    delta: Schema.optional(Schema.String),
    name: Schema.optional(Schema.String),
    toolCallId: Schema.optional(Schema.String),
    isError: Schema.optional(Schema.Boolean),
    inputTokens: Schema.optional(Schema.Number),
    outputTokens: Schema.optional(Schema.Number),
    totalTokens: Schema.optional(Schema.Number)
  })
})
export type AgentEvent = typeof AgentEvent.Type

export const ContentPart = Schema.Struct({ type: Schema.optional(Schema.String), text: Schema.optional(Schema.String) })
export const Content = Schema.Union([Schema.String, Schema.Array(ContentPart)])

export const textOf = (content: typeof Content.Type | undefined): string =>
  typeof content === "string"
    ? content
    : (content ?? [])
        .filter((part) => part.type === undefined || part.type === "text")
        .map((part) => part.text ?? "")
        .join("")

/** A `chat` event: the session's own view of the same run. */
export const ChatEvent = Schema.Struct({
  runId: Schema.String,
  sessionKey: Schema.optional(Schema.String),
  state: Schema.String,
  stopReason: Schema.optional(Schema.String),
  errorMessage: Schema.optional(Schema.String),
  errorKind: Schema.optional(Schema.String),
  errorDetail: Schema.optional(ErrorObservation),
  message: Schema.optional(Schema.Struct({ content: Schema.optional(Content) }))
})
export type ChatEvent = typeof ChatEvent.Type

/** The payload of both responses to `agent`; the second carries `result`. */
export const AgentResponse = Schema.Struct({
  runId: Schema.optional(Schema.String),
  status: Schema.optional(Schema.String),
  summary: Schema.optional(Schema.String),
  stopReason: Schema.optional(Schema.String),
  timeoutPhase: Schema.optional(Schema.String),
  result: Schema.optional(
    Schema.Struct({
      payloads: Schema.optional(Schema.Array(Schema.Struct({ text: Schema.optional(Schema.NullOr(Schema.String)) }))),
      meta: Schema.optional(
        Schema.Struct({
          agentMeta: Schema.optional(
            Schema.Struct({
              usage: Schema.optional(
                Schema.Struct({
                  input: Schema.optional(Schema.Number),
                  output: Schema.optional(Schema.Number),
                  total: Schema.optional(Schema.Number)
                })
              )
            })
          )
        })
      )
    })
  )
})
export type AgentResponse = typeof AgentResponse.Type

/** The answer to `agent.wait`. `timeout` without `endedAt` means still running, or unknown to this process. */
export const AgentWait = Schema.Struct({
  status: Schema.String,
  endedAt: Schema.optional(Schema.Number),
  error: Schema.optional(Schema.String),
  stopReason: Schema.optional(Schema.String),
  timeoutPhase: Schema.optional(Schema.String),
  terminalReply: Schema.optional(TerminalReply)
})
export type AgentWait = typeof AgentWait.Type

export const HistoryRow = Schema.Struct({
  role: Schema.String,
  content: Schema.optional(Content),
  idempotencyKey: Schema.optional(Schema.String),
  timestamp: Schema.optional(Schema.Number),
  stopReason: Schema.optional(Schema.String),
  errorMessage: Schema.optional(Schema.String),
  openclawAbort: Schema.optional(Schema.Unknown),
  provenance: Schema.optional(Schema.Struct({ sourceTool: Schema.optional(Schema.String) })),
  usage: Schema.optional(
    Schema.Struct({
      input: Schema.optional(Schema.Number),
      output: Schema.optional(Schema.Number),
      totalTokens: Schema.optional(Schema.Number)
    })
  ),
  __openclaw: Schema.optional(Schema.Struct({ runId: Schema.optional(Schema.String) }))
})
export type HistoryRow = typeof HistoryRow.Type

const PendingInput = Schema.Struct({ runId: Schema.optional(Schema.String), state: Schema.String })

/** The answer to `chat.history`. Rows are oldest first; `hasMore` means older ones exist. */
export const ChatHistory = Schema.Struct({
  messages: Schema.Array(HistoryRow),
  hasMore: Schema.optional(Schema.Boolean),
  pendingInputs: Schema.optional(
    Schema.Struct({ items: Schema.Array(PendingInput), nextBefore: Schema.optional(Schema.Number) })
  ),
  inputReceipts: Schema.optional(Schema.Array(PendingInput)),
  inFlightRun: Schema.optional(Schema.Struct({ runId: Schema.String, text: Schema.optional(Schema.String) })),
  sessionInfo: Schema.optional(
    Schema.Struct({
      status: Schema.optional(Schema.String),
      hasActiveRun: Schema.optional(Schema.Boolean),
      activeRunIds: Schema.optional(Schema.Array(Schema.String)),
      abortedLastRun: Schema.optional(Schema.Boolean)
    })
  )
})
export type ChatHistory = typeof ChatHistory.Type
