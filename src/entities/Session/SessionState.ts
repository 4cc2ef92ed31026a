/**
 * The state of a Session actor. At most one turn is the `head`: it is being placed, is running, or waits for its next
 * try. All other turns wait behind it in the order they were accepted (I4).
 */
import { Schema } from "effect"
import { parseSessionEntityId, InstanceId, LaneName, Placement, SessionId, TenantId } from "../../schema/Ids.ts"
import { SessionPhase, TurnStatus } from "../../schema/Session.ts"
import { Tried } from "../../schema/runs/Tried.ts"
import { RoutingHints } from "../../schema/Task.ts"

/** A turn that a lane wants for one of its tasks. */
export const LaneTurn = Schema.Struct({
  lane: LaneName,
  /** The lane's number for it. */
  ask: Schema.Int,
  /** The longest attempt that the lane runs on it. */
  timeoutMillis: Schema.Int,
  hints: RoutingHints
})
export type LaneTurn = typeof LaneTurn.Type

/** Its place in the session's order goes by this id, which no turn of a client can have. */
export const laneTurnId = ({ ask, lane }: Pick<LaneTurn, "lane" | "ask">): string => `${lane}/${ask}`

export const WaitingTurn = Schema.Struct({
  turnId: Schema.String,
  message: Schema.String,
  /** The message is in the turn's row as well, so that a long one need not be sent along. */
  isKept: Schema.optionalKey(Schema.Boolean),
  timeoutMillis: Schema.Int,
  traceparent: Schema.optionalKey(Schema.String),
  acceptedAt: Schema.Finite,
  /** Set on a turn for a task: the lane runs it, and `message` is empty. */
  lane: Schema.optionalKey(LaneTurn)
})
export type WaitingTurn = typeof WaitingTurn.Type

/**
 * `placing`: an instance is being searched for. `waiting`: the turn is retried at `retryAt`. `sent`: the instance has
 * the turn, or the lane whose turn it is. `aborting`: whoever has it was asked to end it.
 */
export const HeadStep = Schema.Literals(["placing", "waiting", "sent", "aborting"])
export type HeadStep = typeof HeadStep.Type

export const Head = Schema.Struct({
  turn: WaitingTurn,
  step: HeadStep,
  attempt: Schema.Int,
  /** How often the turn's instance was lost; these attempts do not count. */
  reroutes: Schema.optionalKey(Schema.Int),
  /** Where this turn was tried in vain. */
  tried: Schema.optionalKey(Tried),
  /** How often the turn was refused or put off; identifies the current placement search. */
  tries: Schema.Int,
  /** Unix milliseconds since when this attempt could be placed. */
  waitsSince: Schema.Finite,
  /** Unix milliseconds by which the step must be over. */
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
  /** Policy Fallback: where the session goes when it has to leave this instance. */
  backup: Schema.optionalKey(InstanceId),
  /** Whether a turn has ended there, so that its gateway has history of this session. */
  settled: Schema.Boolean,
  /** Whether the last attempt there was answered. If not, the instance is checked before the next attempt is sent. */
  answers: Schema.Boolean
})
export type Assignment = typeof Assignment.Type

export const SessionState = Schema.Struct({
  tenantId: TenantId,
  sessionId: SessionId,
  /** Absent until the session is created. */
  created: Schema.optionalKey(
    Schema.Struct({
      hints: RoutingHints,
      label: Schema.optionalKey(Schema.String),
      /** A task did; whoever creates it first says what it is. */
      byTask: Schema.optionalKey(Schema.Boolean),
      at: Schema.Finite
    })
  ),
  phase: SessionPhase,
  assignment: Schema.optionalKey(Assignment),
  /**
   * Set while the session is to leave its instance, for `to` or for any other instance; removed when it is assigned.
   */
  move: Schema.optionalKey(Schema.Struct({ to: Schema.optionalKey(InstanceId) })),
  /** Set while the tenant may start nothing: the next turn searches for a place, and waits there for the tenant. */
  held: Schema.optionalKey(Schema.Boolean),
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

/** Closed, with no turn of the session waiting or running. */
export const isEnded = ({ head, phase, queue, steered }: SessionState): boolean =>
  phase === "closed" && head === undefined && queue.length === 0 && steered.length === 0

export const runKeyOf = ({ attempt, turn }: Head): string => `${turn.turnId}.${attempt}`
export const steerKeyOf = (turnId: string): string => `${turnId}.steer`
