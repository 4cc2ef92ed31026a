/**
 * What the rest of Clawster may ask of one OpenClaw gateway. `GatewayClient` speaks it to a real gateway over the
 * WebSocket protocol v4; the simulated driver answers it in memory, with the same rules and faults to order.
 *
 * A turn is identified by its `runKey`: the gateway's `idempotencyKey` and, for `agent`, its run id. Keys live in the
 * gateway's memory only, so after any doubt a caller asks `reconcile` first and never sends blindly.
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
  /** It says nothing of the gateway: the request, the account, the provider or a restart was the cause. */
  excused: Schema.optionalKey(Schema.Boolean),
  retryAfterMillis: Schema.optionalKey(Schema.Number)
})
export type TurnFailure = typeof TurnFailure.Type

/** How a run ended. The first terminal sign wins, later ones are ignored. */
export const TurnEnd = Schema.Struct({
  status: Schema.Literals(["ok", "error", "aborted", "timeout"]),
  text: Schema.String,
  failure: Schema.optionalKey(TurnFailure),
  usage: Schema.optionalKey(TurnUsage),
  stopReason: Schema.optionalKey(Schema.String)
})
export type TurnEnd = typeof TurnEnd.Type

/** What a running turn tells. `TextDelta.text` is cumulative, so a lost delta costs nothing. */
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
 * What the gateway knows of a run key, from `chat.history` (fact sheet section 3, reconcile rule).
 * `absent`: safe to send. `running`: attach. `resuming`: the gateway restarted and continues the turn under another run
 * id; attach, never send. `done`: use `end`.
 */
export const Reconciled = Schema.Union([
  Schema.TaggedStruct("absent", {}),
  Schema.TaggedStruct("running", { runId: Schema.String }),
  Schema.TaggedStruct("resuming", { runId: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("done", { end: TurnEnd })
])
export type Reconciled = typeof Reconciled.Type

/** Why a gateway cannot be used, or refused a request. `reason` is what a caller branches on. */
export class GatewayError extends Schema.TaggedError<GatewayError>()("GatewayError", {
  reason: Schema.Literals([
    "Unreachable",
    "AuthenticationFailed",
    "PairingRequired",
    "ProtocolMismatch",
    "MissingScope",
    "Unavailable",
    "InvalidRequest",
    /** The gateway could not do it, and what it says is no reason that lies with the caller. */
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
  /** Changes on every start, also in-process restarts: the incarnation fence. */
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
  /** Lost or refused; `retrying` is false when trying again cannot help (token, protocol). */
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
  /** 0 to 1. */
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
   * Sends the turn and streams it to its end: the last element is `Ended`. A provider failure is an `Ended` with status
   * `error`, not a failure of the stream. The stream fails with `ConnectionLost` when the socket is lost in mid-turn
   * (the run goes on at the gateway): `reconcile`, then `attach`.
   */
  readonly run: (turn: Turn) => Stream.Stream<TurnProgress, GatewayError>
  /** Follows a run that was sent earlier, also one being resumed after a gateway restart. Sends nothing. */
  readonly attach: (turn: Turn) => Stream.Stream<TurnProgress, GatewayError>
  readonly reconcile: (turn: Pick<Turn, "sessionKey" | "runKey">) => Effect.Effect<Reconciled, GatewayError>
  /** Ends one run, or all runs of the session when no key is given. Succeeds when there is nothing to abort. */
  readonly abort: (sessionKey: string, runKey?: string) => Effect.Effect<void, GatewayError>
  /** A message into a busy session by `queueMode` (steer, interrupt, collect). */
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
  /** Cordon and drain: running turns finish, new ones are refused until `resume` or the lease ends. */
  readonly suspend: (requestId: string) => Effect.Effect<Suspension, GatewayError>
  readonly suspensionStatus: (suspensionId: string) => Effect.Effect<Suspension, GatewayError>
  readonly resume: (suspensionId: string) => Effect.Effect<void, GatewayError>
}

/** Where a gateway listens, and how to be let in. */
export const GatewayEndpoint = Schema.Struct({
  /** `ws://host:port/` or `wss://host:port/`. */
  url: Schema.String,
  token: Schema.RedactedFromValue(Schema.String),
  /**
   * Milliseconds between two tries to connect: the first wait doubles to the longest. Absent: as the connector does.
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
