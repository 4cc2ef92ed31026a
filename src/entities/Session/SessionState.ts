/**
 * The state of a Session actor. At most one turn is the `head`: it is placed, runs, or waits for its next try; all
 * others wait behind it in the order they were accepted (I4).
 */
import { Schema } from "effect"
import { parseSessionEntityId, InstanceId, Placement, SessionId, TenantId } from "../../schema/Ids.ts"
import { SessionPhase, TurnStatus } from "../../schema/Session.ts"
import { RoutingHints } from "../../schema/Task.ts"

export const WaitingTurn = Schema.Struct({
  turnId: Schema.String,
  message: Schema.String,
  /** It is in the turn's row as well, so that a long one need not be sent along. */
  isKept: Schema.optionalKey(Schema.Boolean),
  timeoutMillis: Schema.Int,
  traceparent: Schema.optionalKey(Schema.String),
  acceptedAt: Schema.Finite
})
export type WaitingTurn = typeof WaitingTurn.Type

/**
 * `placing`: looks for its instance. `waiting`: tries again at `retryAt`. `sent`: the instance has it. `aborting`: the
 * instance was asked to end it.
 */
export const HeadStep = Schema.Literals(["placing", "waiting", "sent", "aborting"])
export type HeadStep = typeof HeadStep.Type

export const Head = Schema.Struct({
  turn: WaitingTurn,
  step: HeadStep,
  attempt: Schema.Int,
  /** How often its instance was lost; these attempts do not count. */
  reroutes: Schema.optionalKey(Schema.Int),
  /** How often it was refused or put off: names the placement under way. */
  tries: Schema.Int,
  /** When this attempt could first be placed. */
  waitsSince: Schema.Finite,
  /** By then the step must be over. */
  deadlineAt: Schema.Finite,
  retryAt: Schema.optionalKey(Schema.Finite),
  startedAt: Schema.optionalKey(Schema.Finite),
  reason: Schema.optionalKey(Schema.String)
})
export type Head = typeof Head.Type

export const Steered = Schema.Struct({
  turn: WaitingTurn,
  into: Schema.String,
  deadlineAt: Schema.Finite
})
export type Steered = typeof Steered.Type

export const Assignment = Schema.Struct({
  instanceId: InstanceId,
  placement: Placement,
  /** A turn has ended there: its gateway has history of this session. */
  settled: Schema.Boolean,
  /** The last attempt there got its answer; without it the instance is looked at before the next. */
  answers: Schema.Boolean
})
export type Assignment = typeof Assignment.Type

export const SessionState = Schema.Struct({
  tenantId: TenantId,
  sessionId: SessionId,
  /** Absent: not created yet. */
  created: Schema.optionalKey(
    Schema.Struct({ hints: RoutingHints, label: Schema.optionalKey(Schema.String), at: Schema.Finite })
  ),
  phase: SessionPhase,
  assignment: Schema.optionalKey(Assignment),
  /** It was asked to leave its instance, to another or to any; until it has. */
  move: Schema.optionalKey(Schema.Struct({ to: Schema.optionalKey(InstanceId) })),
  queue: Schema.Array(WaitingTurn),
  head: Schema.optionalKey(Head),
  steered: Schema.Array(Steered),
  ended: Schema.Array(TurnStatus),
  turnsCompleted: Schema.Int,
  lastActivityAt: Schema.Finite
})
export type SessionState = typeof SessionState.Type

export const initial = (entityId: string): SessionState => ({
  ...parseSessionEntityId(entityId),
  phase: "open",
  queue: [],
  steered: [],
  ended: [],
  turnsCompleted: 0,
  lastActivityAt: 0
})

/** Closed, and no turn of it is under way. */
export const isEnded = ({ head, phase, queue, steered }: SessionState): boolean =>
  phase === "closed" && head === undefined && queue.length === 0 && steered.length === 0

export const runKeyOf = ({ attempt, turn }: Head): string => `${turn.turnId}.${attempt}`
export const steerKeyOf = (turnId: string): string => `${turnId}.steer`
