/** Events that a Session actor stores and the feed shows to its tenant. `internal_` events are not shown. */
import { Schema } from "effect"
import { InstanceId, LaneName, Placement, SessionId, TenantId } from "../Ids.ts"
import { StoredOutput } from "../runs/Output.ts"
import { RoutingHints, TaskError, Usage } from "../Task.ts"

const about = { tenantId: TenantId, sessionId: SessionId }
const ofTurn = { ...about, turnId: Schema.String }
const ofLane = { ...about, lane: LaneName, ask: Schema.Int }
const at = Schema.Finite

/**
 * Where a turn is queued. `tail`: behind all others. `front`: next. `ordered`: at its place in acceptance order,
 * because it could not be added to a running turn.
 */
export const QueuePosition = Schema.Literals(["tail", "front", "ordered"])
export type QueuePosition = typeof QueuePosition.Type

export const SessionEvent = Schema.Union([
  Schema.TaggedStruct("session.created", {
    ...about,
    hints: RoutingHints,
    label: Schema.optionalKey(Schema.String),
    /** A task named the session before anybody had created it. */
    byTask: Schema.optionalKey(Schema.Boolean),
    at
  }),
  Schema.TaggedStruct("session.turn_queued", {
    ...ofTurn,
    message: Schema.String,
    /** The turn's row also contains the message. */
    isKept: Schema.optionalKey(Schema.Boolean),
    position: QueuePosition,
    timeoutMillis: Schema.Int,
    traceparent: Schema.optionalKey(Schema.String),
    /** When the turn was accepted. */
    at
  }),
  Schema.TaggedStruct("session.internal_placing", { ...ofTurn, at }),
  Schema.TaggedStruct("session.internal_waiting", { ...ofTurn, reason: Schema.String }),
  /** The attempt that waited at its instance runs. */
  Schema.TaggedStruct("session.internal_begun", ofTurn),
  Schema.TaggedStruct("session.internal_put_off", {
    ...ofTurn,
    attempt: Schema.Int,
    reason: Schema.String,
    retryAt: at,
    /** Set when the instance itself was the cause of a refusal. */
    atFault: Schema.optionalKey(Schema.Boolean),
    /** How often the turn's instance was lost; the attempt does not count. */
    reroutes: Schema.optionalKey(Schema.Int)
  }),
  Schema.TaggedStruct("session.assigned", {
    ...about,
    instanceId: InstanceId,
    placement: Placement,
    because: Schema.String,
    /** Policy Fallback: where the session goes when it has to leave this instance. */
    backup: Schema.optionalKey(InstanceId),
    /** The previous instance. Its gateway keeps the history so far. */
    movedFrom: Schema.optionalKey(InstanceId)
  }),
  /** The session leaves `from` with its next turn, for `to`, or for any other instance when `to` is absent. */
  Schema.TaggedStruct("session.move_asked", {
    ...about,
    from: Schema.optionalKey(InstanceId),
    to: Schema.optionalKey(InstanceId),
    at
  }),
  /** The tenant may start nothing: no turn follows the running one before a place was searched for it. */
  Schema.TaggedStruct("session.internal_held", { ...about, at }),
  Schema.TaggedStruct("session.turn_started", {
    ...ofTurn,
    instanceId: InstanceId,
    attempt: Schema.Int,
    runKey: Schema.String,
    at
  }),
  Schema.TaggedStruct("session.steered", { ...ofTurn, into: Schema.String, message: Schema.String, at }),
  Schema.TaggedStruct("session.internal_aborting", { ...ofTurn, deadlineAt: at }),
  Schema.TaggedStruct("session.turn_completed", {
    ...ofTurn,
    text: Schema.String,
    stored: Schema.optionalKey(StoredOutput),
    usage: Schema.optionalKey(Usage),
    durationMillis: Schema.Finite,
    /** The turn that this message was added to. The text of that turn contains the answer. */
    joined: Schema.optionalKey(Schema.String),
    at
  }),
  Schema.TaggedStruct("session.turn_failed", { ...ofTurn, error: TaskError, at }),
  Schema.TaggedStruct("session.turn_aborted", { ...ofTurn, at }),
  /** A lane wants a turn for one of its tasks; `ask` is its number for it. */
  Schema.TaggedStruct("session.internal_turn_asked", {
    ...ofLane,
    timeoutMillis: Schema.Int,
    hints: RoutingHints,
    at
  }),
  Schema.TaggedStruct("session.internal_turn_granted", { ...ofLane, instanceId: InstanceId, deadlineAt: at, at }),
  /** The lane's turn is over, or was taken from the queue. */
  Schema.TaggedStruct("session.internal_turn_over", {
    ...ofLane,
    use: Schema.Literals(["ran", "lost", "unused", "refused"]),
    at
  }),
  Schema.TaggedStruct("session.closing", { ...about, at }),
  Schema.TaggedStruct("session.closed", { ...about, at })
])
export type SessionEvent = typeof SessionEvent.Type
