/**
 * The frames of the gateway's WebSocket protocol, version 4: JSON text frames `req`, `res` and `event`. The sources are
 * `@openclaw/gateway-protocol`, whose guards are used here, and frames observed from a real gateway. Payloads are
 * decoded leniently and within bounds (`BoundedFields`): only the fields in use are named, and unknown fields are
 * ignored, since every gateway release adds some.
 */
import { isGatewayEventFrame, isGatewayResponseFrame } from "@openclaw/gateway-protocol/frame-guards"
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version"
import { Effect, Result, Schema } from "effect"
import { bounds, cut, gatewayBounds } from "../../schema/text/Bounds.ts"
import { faultsOf } from "../../schema/text/FieldFaults.ts"
import { GatewayError } from "../GatewayLink.ts"
import { count, delay, field, flag, list, neededText, part, text } from "./BoundedFields.ts"

export const protocolVersion: number = PROTOCOL_VERSION

export interface ResponseFrame {
  readonly _tag: "Response"
  readonly id: string
  readonly ok: boolean
  readonly payload: unknown
  /** Not decoded yet; see `fromErrorShape`. */
  readonly error: unknown
}

export interface EventFrame {
  readonly _tag: "Event"
  readonly event: string
  readonly payload: unknown
}

export type InboundFrame = ResponseFrame | EventFrame

/** Parses one text frame; `undefined` for anything that is not a frame of this protocol, which is ignored. */
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

/**
 * Decodes a method's answer. An unexpected shape fails with `ProtocolMismatch`, which names the method and the field.
 */
export const decodePayload =
  <S extends Schema.ConstraintDecoder<unknown>>(method: string, schema: S) =>
  (payload: unknown): Effect.Effect<S["Type"], GatewayError> =>
    Schema.decodeUnknownEffect(schema)(payload).pipe(
      Effect.mapError(({ issue }) => {
        const [fault] = faultsOf(issue)
        const field = fault === undefined || fault.path === "" ? "it" : fault.path
        return new GatewayError({
          reason: "ProtocolMismatch",
          message: `The gateway's answer to ${method} has an unexpected shape: ${field} should be ${fault?.expected ?? "otherwise"}`,
          retryable: false
        })
      })
    )

const id = text(gatewayBounds.id)
const neededId = neededText(gatewayBounds.id)
const phase = text(gatewayBounds.phase)
const code = text(bounds.errorCode)
const why = text(bounds.errorMessage)
const answer = text(gatewayBounds.answer)

/**
 * The body of a refusal. Only the code and the reason of `details` are read: it may hold anything, nested to any depth.
 */
export const Refusal = Schema.Struct({
  code: neededText(bounds.errorCode),
  message: neededText(bounds.errorMessage),
  retryable: flag,
  retryAfterMs: delay,
  details: Schema.optional(Schema.Unknown)
})
export type Refusal = typeof Refusal.Type

/** The answer to `connect`. */
export const HelloOk = Schema.Struct({
  protocol: Schema.Int,
  server: Schema.Struct({ version: neededText(bounds.version), bootId: id, connId: neededId }),
  auth: Schema.Struct({ scopes: list(neededText(bounds.label), 64) }),
  policy: Schema.Struct({ maxPayload: Schema.Finite, tickIntervalMs: Schema.Finite })
})

export const Challenge = Schema.Struct({
  nonce: Schema.String.check(Schema.isMaxLength(gatewayBounds.id)),
  ts: Schema.Finite
})

const TerminalReply = Schema.Struct({ text: answer })

const ErrorObservation = Schema.Struct({ failoverReason: code })

/** An `agent` event. The fields of `data` depend on `stream`, so every field used here is optional. */
export const AgentEvent = Schema.Struct({
  runId: neededId,
  sessionKey: id,
  stream: neededText(gatewayBounds.phase),
  data: Schema.Struct({
    phase,
    status: phase,
    aborted: flag,
    stopReason: phase,
    timeoutPhase: phase,
    error: why,
    errorObservation: part(ErrorObservation),
    terminalReply: part(TerminalReply),
    provider: field(Schema.NullOr(Schema.String), (said) =>
      said === null ? null : typeof said === "string" ? cut(said, bounds.label) : undefined
    ),
    text: answer,
    delta: answer,
    name: text(bounds.toolName),
    toolCallId: text(bounds.toolName),
    isError: flag,
    inputTokens: count,
    outputTokens: count,
    totalTokens: count
  })
})
export type AgentEvent = typeof AgentEvent.Type

export const ContentPart = Schema.Struct({ type: phase, text: answer })

/** The content of a message: a text, or parts, of which `textOf` uses only those that are text. */
export const Content = field(Schema.Union([Schema.String, Schema.Array(Schema.toType(ContentPart))]), (said) =>
  typeof said === "string" ? cut(said, gatewayBounds.answer) : Array.isArray(said) ? readParts(said) : undefined
)
const readParts = Schema.decodeUnknownSync(list(ContentPart, gatewayBounds.rows))

export const textOf = (content: typeof Content.Type): string =>
  typeof content === "string"
    ? content
    : cut(
        (content ?? [])
          .filter((said) => said.type === undefined || said.type === "text")
          .map((said) => said.text ?? "")
          .join(""),
        gatewayBounds.answer
      )

/** A `chat` event: the session's own view of the same run. */
export const ChatEvent = Schema.Struct({
  runId: neededId,
  sessionKey: id,
  state: neededText(gatewayBounds.phase),
  stopReason: phase,
  errorMessage: why,
  errorKind: code,
  errorDetail: part(ErrorObservation),
  message: part(Schema.Struct({ content: Content }))
})
export type ChatEvent = typeof ChatEvent.Type

const ResponseUsage = Schema.Struct({ input: count, output: count, total: count })
const AgentMeta = Schema.Struct({ usage: part(ResponseUsage) })
const ResponseMeta = Schema.Struct({ agentMeta: part(AgentMeta) })

/** The payload of both responses to `agent`; the second carries `result`. */
export const AgentResponse = Schema.Struct({
  runId: id,
  status: phase,
  summary: why,
  stopReason: phase,
  timeoutPhase: phase,
  result: part(
    Schema.Struct({
      payloads: list(Schema.Struct({ text: answer }), gatewayBounds.rows),
      meta: part(ResponseMeta)
    })
  )
})
export type AgentResponse = typeof AgentResponse.Type

/**
 * The answer to `agent.wait`. Status `timeout` without `endedAt` means that the run is still running, or that this
 * gateway process does not have it.
 */
export const AgentWait = Schema.Struct({
  status: neededText(gatewayBounds.phase),
  endedAt: count,
  error: why,
  stopReason: phase,
  timeoutPhase: phase,
  terminalReply: part(TerminalReply)
})
export type AgentWait = typeof AgentWait.Type

const RowUsage = Schema.Struct({ input: count, output: count, totalTokens: count })

export const HistoryRow = Schema.Struct({
  role: neededText(gatewayBounds.phase),
  content: Content,
  idempotencyKey: id,
  timestamp: count,
  stopReason: phase,
  errorMessage: why,
  openclawAbort: Schema.optional(Schema.Unknown),
  provenance: part(Schema.Struct({ sourceTool: text(bounds.toolName) })),
  usage: part(RowUsage),
  /** `truncated`: the row was too large for a page; this placeholder has neither its run id nor its text. */
  __openclaw: part(Schema.Struct({ runId: id, id, idempotencyKey: id, truncated: flag }))
})
export type HistoryRow = typeof HistoryRow.Type

/** The idempotency key of a row. The placeholder of a row that was too large has it under `__openclaw`. */
export const keyOf = (row: HistoryRow): string | undefined => row.idempotencyKey ?? row.__openclaw?.idempotencyKey

const PendingInput = Schema.Struct({ runId: id, state: neededText(gatewayBounds.phase) })
const inputs = list(PendingInput, gatewayBounds.rows)

/** The answer to `chat.history`. Rows are oldest first; `hasMore` means that older rows exist. */
export const ChatHistory = Schema.Struct({
  messages: list(HistoryRow, gatewayBounds.rows),
  hasMore: flag,
  pendingInputs: part(Schema.Struct({ items: inputs, nextBefore: count })),
  inputReceipts: inputs,
  inFlightRun: part(Schema.Struct({ runId: neededId, text: answer })),
  sessionInfo: part(
    Schema.Struct({
      status: phase,
      hasActiveRun: flag,
      activeRunIds: list(neededId, gatewayBounds.rows),
      abortedLastRun: flag
    })
  )
})
export type ChatHistory = typeof ChatHistory.Type

/** The answer to `chat.message.get`. */
export const ChatMessage = Schema.Struct({ message: part(HistoryRow) })
