/** A session: one user's conversation with one gateway, whose turns run one at a time in the order accepted. */
import { Schema } from "effect"
import { InstanceId, SessionId, TenantId } from "./Ids.ts"
import { RoutingHints, TaskError, Usage } from "./Task.ts"

export const SessionPhase = Schema.Literals(["open", "active", "idle", "closing", "closed"])
export type SessionPhase = typeof SessionPhase.Type

/** How a message reaches a session that is busy (the gateway's `queueMode`). */
export const QueueMode = Schema.Literals(["steer", "followup", "collect", "interrupt"])
export type QueueMode = typeof QueueMode.Type

export const TurnPhase = Schema.Literals(["queued", "running", "completed", "failed", "aborted"])
export type TurnPhase = typeof TurnPhase.Type

export const TurnStatus = Schema.Struct({
  turnId: Schema.NonEmptyString,
  phase: TurnPhase,
  message: Schema.String,
  text: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(TaskError),
  usage: Schema.optionalKey(Usage),
  acceptedAt: Schema.Finite,
  startedAt: Schema.optionalKey(Schema.Finite),
  endedAt: Schema.optionalKey(Schema.Finite)
})
export type TurnStatus = typeof TurnStatus.Type

export const SessionStatus = Schema.Struct({
  sessionId: SessionId,
  tenantId: TenantId,
  phase: SessionPhase,
  instanceId: Schema.optionalKey(InstanceId),
  hints: RoutingHints,
  label: Schema.optionalKey(Schema.String),
  queued: Schema.Int,
  turnsCompleted: Schema.Int,
  /** The last 20, newest last. */
  turns: Schema.Array(TurnStatus),
  createdAt: Schema.Finite,
  lastActivityAt: Schema.Finite,
  waitingFor: Schema.optionalKey(Schema.String)
})
export type SessionStatus = typeof SessionStatus.Type
