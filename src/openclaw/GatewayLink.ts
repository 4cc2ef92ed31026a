/**
 * The port to one OpenClaw gateway. `GatewayClient` implements it for a real gateway over the WebSocket protocol v4;
 * the simulated driver implements it in memory, with the same rules and with injected faults.
 *
 * A turn is identified by its `runKey`: the gateway's `idempotencyKey` and, for `agent`, its run id. The gateway keeps
 * keys in memory only, so after any doubt a caller calls `reconcile` first and never sends blindly.
 */
import { Context, type Effect, Schema, type Scope, type Stream } from "effect"
import type { QueueMode } from "../schema/Session.ts"

/** One turn for the gateway's `agent` call. */
export const Turn = Schema.Struct({
  /** Lower case, `agent:<agent>:<name>`; created by the gateway on first use. */
  sessionKey: Schema.NonEmptyString,
  message: Schema.String,
  runKey: Schema.NonEmptyString,
  timeoutSeconds: Schema.optionalKey(Schema.Int),
  model: Schema.optionalKey(Schema.String),
  thinking: Schema.optionalKey(Schema.String),
  extraSystemPrompt: Schema.optionalKey(Schema.String),
  /** W3C trace context, passed on to the gateway and by it to the model provider. */
  traceparent: Schema.optionalKey(Schema.String)
})
export type Turn = typeof Turn.Type

export const TurnUsage = Schema.Struct({
  inputTokens: Schema.optionalKey(Schema.Number),
  outputTokens: Schema.optionalKey(Schema.Number),
  totalTokens: Schema.optionalKey(Schema.Number)
})
export type TurnUsage = typeof TurnUsage.Type

export const TurnFailure = Schema.Struct({
  code: Schema.String,
  message: Schema.String,
  retryable: Schema.Boolean,
  /** The failure does not count against the gateway: the request, the account, the provider or a restart caused it. */
  excused: Schema.optionalKey(Schema.Boolean),
  retryAfterMillis: Schema.optionalKey(Schema.Number)
})
export type TurnFailure = typeof TurnFailure.Type

/** How a run ended: the first terminal event, completed by the final response or the gateway's records. */
export const TurnEnd = Schema.Struct({
  status: Schema.Literals(["ok", "error", "aborted", "timeout"]),
  text: Schema.String,
  failure: Schema.optionalKey(TurnFailure),
  usage: Schema.optionalKey(TurnUsage),
  stopReason: Schema.optionalKey(Schema.String)
})
export type TurnEnd = typeof TurnEnd.Type

/** Progress of a running turn. `TextDelta.text` is cumulative, so a lost delta costs nothing. */
export const TurnProgress = Schema.Union([
  Schema.TaggedStruct("Accepted", { runId: Schema.String, bootId: Schema.String }),
  Schema.TaggedStruct("Phase", { phase: Schema.String }),
  Schema.TaggedStruct("TextDelta", { delta: Schema.String, text: Schema.String }),
  Schema.TaggedStruct("ToolStarted", { toolCallId: Schema.String, name: Schema.String }),
  Schema.TaggedStruct("ToolEnded", { toolCallId: Schema.String, name: Schema.String, isError: Schema.Boolean }),
  Schema.TaggedStruct("Usage", { usage: TurnUsage }),
  Schema.TaggedStruct("Ended", { end: TurnEnd })
])
export type TurnProgress = typeof TurnProgress.Type

/**
 * The state of a run key at the gateway, from its transcript, its pending inputs and its memory. `absent`: safe to
 * send. `running`: attach. `resuming`: the gateway restarted and continues the turn under another run id; attach, never
 * send. `done`: use `end`.
 */
export const Reconciled = Schema.Union([
  Schema.TaggedStruct("absent", {}),
  Schema.TaggedStruct("running", { runId: Schema.String }),
  Schema.TaggedStruct("resuming", { runId: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("done", { end: TurnEnd })
])
export type Reconciled = typeof Reconciled.Type

/** A gateway cannot be used or has refused a request. Callers branch on `reason`. */
export class GatewayError extends Schema.TaggedError<GatewayError>()("GatewayError", {
  reason: Schema.Literals([
    "Unreachable",
    "AuthenticationFailed",
    "PairingRequired",
    "ProtocolMismatch",
    "MissingScope",
    "Unavailable",
    "InvalidRequest",
    /** The gateway failed, for a reason that does not lie with the caller. */
    "Failed",
    "ConnectionLost",
    "FrameTooLarge",
    "DeadlineExceeded",
    "Closed"
  ]),
  /** The gateway's own code, for example `UNAVAILABLE`, when it gave one. */
  code: Schema.optionalKey(Schema.String),
  message: Schema.String,
  details: Schema.optionalKey(Schema.Json),
  retryable: Schema.Boolean,
  retryAfterMillis: Schema.optionalKey(Schema.Number)
}) {}

export const GatewayHello = Schema.Struct({
  protocol: Schema.Int,
  version: Schema.String,
  /** Changes on every start, including in-process restarts; it distinguishes the gateway's incarnations. */
  bootId: Schema.String,
  connId: Schema.String,
  scopes: Schema.Array(Schema.String),
  maxPayloadBytes: Schema.Number,
  tickIntervalMillis: Schema.Number
})
export type GatewayHello = typeof GatewayHello.Type

export const LinkStatus = Schema.Union([
  Schema.TaggedStruct("connecting", { attempt: Schema.Int }),
  Schema.TaggedStruct("connected", { hello: GatewayHello }),
  /** Lost or refused; `retrying` is false when retrying cannot help (token, protocol version). */
  Schema.TaggedStruct("down", { error: GatewayError, retrying: Schema.Boolean }),
  Schema.TaggedStruct("closed", {})
])
export type LinkStatus = typeof LinkStatus.Type

export const GatewayLane = Schema.Struct({
  lane: Schema.String,
  active: Schema.Int,
  queued: Schema.Int,
  maxConcurrent: Schema.optionalKey(Schema.Int)
})
export type GatewayLane = typeof GatewayLane.Type

export const GatewaySystem = Schema.Struct({
  pid: Schema.optionalKey(Schema.Int),
  rssBytes: Schema.optionalKey(Schema.Number),
  heapUsedBytes: Schema.optionalKey(Schema.Number),
  /** Share of a CPU core, 0 to 1. */
  cpu: Schema.optionalKey(Schema.Number),
  eventLoopDelayP99Millis: Schema.optionalKey(Schema.Number)
})
export type GatewaySystem = typeof GatewaySystem.Type

export const GatewaySession = Schema.Struct({
  key: Schema.String,
  sessionId: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.String),
  lastRunId: Schema.optionalKey(Schema.String),
  label: Schema.optionalKey(Schema.String),
  /** Unix milliseconds. */
  updatedAt: Schema.optionalKey(Schema.Number)
})
export type GatewaySession = typeof GatewaySession.Type

export const HistoryMessage = Schema.Struct({
  role: Schema.String,
  text: Schema.String,
  idempotencyKey: Schema.optionalKey(Schema.String),
  runId: Schema.optionalKey(Schema.String),
  timestamp: Schema.optionalKey(Schema.Number)
})
export type HistoryMessage = typeof HistoryMessage.Type

export const Suspension = Schema.Struct({
  status: Schema.String,
  suspensionId: Schema.optionalKey(Schema.String),
  expiresAtMillis: Schema.optionalKey(Schema.Number),
  activeCount: Schema.optionalKey(Schema.Int)
})
export type Suspension = typeof Suspension.Type

/** One live link. Every request has a deadline and fails with a `GatewayError`; nothing waits for ever. */
export interface GatewayLink {
  readonly status: Effect.Effect<LinkStatus>
  /** The current status first, then each change. Ends when the link is closed. */
  readonly statusChanges: Stream.Stream<LinkStatus>
  /** Waits until connected; fails at once when retrying cannot help, else after the connect deadline. */
  readonly ready: Effect.Effect<GatewayHello, GatewayError>

  /**
   * Sends the turn and streams its progress to the end: the last element is `Ended`. A provider failure is an `Ended`
   * with status `error`, not a failure of the stream. The stream fails with `ConnectionLost` when the socket is lost in
   * mid-turn (the run continues at the gateway); then call `reconcile`, and `attach` if it is still running.
   */
  readonly run: (turn: Turn) => Stream.Stream<TurnProgress, GatewayError>
  /**
   * Follows a run that was sent earlier, including a run that is resumed after a gateway restart. Sends nothing. Fails
   * with `InvalidRequest`, code `RUN_UNKNOWN`, when the gateway does not have the run.
   */
  readonly attach: (turn: Turn) => Stream.Stream<TurnProgress, GatewayError>
  readonly reconcile: (turn: Pick<Turn, "sessionKey" | "runKey">) => Effect.Effect<Reconciled, GatewayError>
  /** Ends one run, or all runs of the session when no key is given. Succeeds when there is nothing to abort. */
  readonly abort: (sessionKey: string, runKey?: string) => Effect.Effect<void, GatewayError>
  /** Sends a message into a busy session, handled by its `queueMode` (steer, followup, collect, interrupt). */
  readonly send: (
    options: Pick<Turn, "sessionKey" | "message" | "runKey"> & { readonly queueMode: QueueMode }
  ) => Effect.Effect<void, GatewayError>

  readonly createSession: (options: {
    readonly key: string
    readonly label?: string
    readonly model?: string
  }) => Effect.Effect<GatewaySession, GatewayError>
  readonly describeSession: (key: string) => Effect.Effect<GatewaySession | null, GatewayError>
  readonly listSessions: (options: {
    readonly limit: number
    readonly offset: number
  }) => Effect.Effect<ReadonlyArray<GatewaySession>, GatewayError>
  readonly resetSession: (key: string) => Effect.Effect<void, GatewayError>
  readonly deleteSession: (key: string) => Effect.Effect<boolean, GatewayError>
  readonly history: (key: string, limit: number) => Effect.Effect<ReadonlyArray<HistoryMessage>, GatewayError>

  readonly system: Effect.Effect<GatewaySystem, GatewayError>
  readonly lanes: Effect.Effect<ReadonlyArray<GatewayLane>, GatewayError>
  readonly logs: (limit: number) => Effect.Effect<ReadonlyArray<string>, GatewayError>
  /**
   * Cordons and drains the gateway: running turns finish, new turns are refused until `resume` or until the suspension
   * expires.
   */
  readonly suspend: (requestId: string) => Effect.Effect<Suspension, GatewayError>
  readonly suspensionStatus: (suspensionId: string) => Effect.Effect<Suspension, GatewayError>
  readonly resume: (suspensionId: string) => Effect.Effect<void, GatewayError>
}

/** Address of a gateway and the token to connect with. */
export const GatewayEndpoint = Schema.Struct({
  /** `ws://host:port/` or `wss://host:port/`. */
  url: Schema.String,
  token: Schema.RedactedFromValue(Schema.String),
  /**
   * Milliseconds between connection attempts: the first delay doubles up to the longest. Absent values are the
   * connector's.
   */
  reconnect: Schema.optionalKey(
    Schema.Struct({ firstMillis: Schema.optionalKey(Schema.Finite), longestMillis: Schema.optionalKey(Schema.Finite) })
  )
})
export type GatewayEndpoint = typeof GatewayEndpoint.Type

/** Opens links. A link reconnects by itself, with bounded backoff and jitter, until its scope closes. */
export class GatewayConnector extends Context.Service<
  GatewayConnector,
  {
    readonly connect: (endpoint: GatewayEndpoint) => Effect.Effect<GatewayLink, never, Scope.Scope>
  }
>()("clawster/openclaw/GatewayConnector") {}
