/**
 * A session: one user's conversation with one gateway. Its turns run one at a time, in the order they were accepted.
 */
import { Schema } from "effect"
import { InstanceId, SessionId, TenantId } from "./Ids.ts"
import { StoredOutput } from "./runs/Output.ts"
import { RoutingHints, TaskError, Usage } from "./Task.ts"

export const SessionPhase = Schema.Literals(["open", "active", "idle", "closing", "closed"])
export type SessionPhase = typeof SessionPhase.Type

/** How a message is delivered to a session with a running turn (the gateway's `queueMode`). */
export const QueueMode = Schema.Literals(["steer", "followup", "collect", "interrupt"])
export type QueueMode = typeof QueueMode.Type

export const TurnPhase = Schema.Literals(["queued", "running", "completed", "failed", "aborted"])
export type TurnPhase = typeof TurnPhase.Type

/** Maximum number of characters of a turn's message that its status shows. */
export const messageShown = 4_096

export const TurnStatus = Schema.Struct({
  turnId: Schema.NonEmptyString,
  phase: TurnPhase,
  /** The beginning of the message. */
  message: Schema.String,
  text: Schema.optionalKey(Schema.String),
  /**
   * Set when `text` is only the beginning of the answer: the size of the whole, which `GET
   * /sessions/ID/turns/ID/result` returns.
   */
  stored: Schema.optionalKey(StoredOutput),
  /** Set in lists of sessions, where `text` is only the beginning. Read the turn for more. */
  isPreview: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(TaskError),
  usage: Schema.optionalKey(Usage),
  acceptedAt: Schema.Finite,
  startedAt: Schema.optionalKey(Schema.Finite),
  endedAt: Schema.optionalKey(Schema.Finite)
})
export type TurnStatus = typeof TurnStatus.Type

/** Position of the last turn of a page, from which the next page continues. */
export interface TurnPlace {
  readonly acceptedAt: number
  readonly turnId: string
}

const placePattern = /^(\d{1,16})~([A-Za-z0-9._-]{1,128})$/u

export const toTurnToken = ({ acceptedAt, turnId }: TurnPlace): string => `${acceptedAt}~${turnId}`

/** Undefined when the text is not such a token. */
export const fromTurnToken = (token: string): TurnPlace | undefined => {
  const [, acceptedAt, turnId] = placePattern.exec(token) ?? []
  return acceptedAt === undefined || !Number.isSafeInteger(Number(acceptedAt))
    ? undefined
    : { acceptedAt: Number(acceptedAt), turnId: turnId! }
}

export const SessionStatus = Schema.Struct({
  sessionId: SessionId,
  tenantId: TenantId,
  phase: SessionPhase,
  instanceId: Schema.optionalKey(InstanceId),
  hints: RoutingHints,
  label: Schema.optionalKey(Schema.String),
  queued: Schema.Int,
  turnsCompleted: Schema.Int,
  /** The last 20 turns, newest last. */
  turns: Schema.Array(TurnStatus),
  createdAt: Schema.Finite,
  lastActivityAt: Schema.Finite,
  waitingFor: Schema.optionalKey(Schema.String)
})
export type SessionStatus = typeof SessionStatus.Type
