/**
 * Events of a lane. `task.*` and `lane.configured` are public; `lane.internal_*` events exist only so that the actor's
 * state is the fold of its events. Times are in Unix milliseconds.
 */
import { Schema } from "effect"
import { ActorRef } from "../ActorRef.ts"
import { InstanceId, LaneName, Placement, SessionId, TaskId, TenantId } from "../Ids.ts"
import { LaneConfig } from "../Lane.ts"
import { Tried } from "../runs/Tried.ts"
import { HeldTask, Priority, RoutingHints, TaskError, TaskResult, TaskSpec } from "../Task.ts"

const lane = { tenantId: TenantId, lane: LaneName, at: Schema.Finite }
const task = { ...lane, taskId: TaskId }
const attempt = { ...task, attempt: Schema.Int, instanceId: InstanceId }

/** The lane ended the attempt by itself: its slot stays spent until the instance says that it is over. */
const givenUp = Schema.optionalKey(Schema.Boolean)

/** A waiting task with all data needed to start it. `attempt` counts the attempts so far. */
export const WaitingTask = Schema.Struct({
  task: HeldTask,
  rank: Schema.Finite,
  submittedAt: Schema.Finite,
  attempt: Schema.Int,
  maxAttempts: Schema.Int,
  /** How often the task's instance was lost while the task was in this lane's memory. */
  reroutes: Schema.optionalKey(Schema.Int),
  tried: Schema.optionalKey(Tried),
  /** Set only while the task is `scheduled` or `retrying`. */
  notBefore: Schema.optionalKey(Schema.Finite)
})
export type WaitingTask = typeof WaitingTask.Type

/** The data of a dead-lettered task that a replay needs. */
export const DeadTask = Schema.Struct({
  taskId: TaskId,
  priority: Priority,
  attempt: Schema.Int,
  budget: Schema.Int,
  endedAt: Schema.Finite
})
export type DeadTask = typeof DeadTask.Type

/**
 * Set when the task was outside the in-memory windows: the window is the one its row belongs to, and `order` is its
 * rank or its `notBefore`. `receiver` is the task's.
 */
const unheld = Schema.optionalKey(
  Schema.Struct({
    window: Schema.Literals(["pending", "scheduled"]),
    order: Schema.Finite,
    receiver: Schema.optionalKey(ActorRef)
  })
)

export const TaskSubmitted = Schema.TaggedStruct("task.submitted", {
  ...task,
  phase: Schema.Literals(["pending", "scheduled"]),
  rank: Schema.Finite,
  task: TaskSpec
})
export const TaskStarted = Schema.TaggedStruct("task.started", {
  ...attempt,
  placement: Placement,
  because: Schema.String,
  /** Policy Fallback: the instance that the next attempt goes to when this one fails. */
  backup: Schema.optionalKey(InstanceId),
  /** When the lane considers the attempt lost. */
  until: Schema.Finite,
  /** The attempt spends a slot that the instance granted. */
  onSlot: Schema.optionalKey(Schema.Boolean),
  /** The attempt runs on a turn that the task's session granted. */
  onTurn: Schema.optionalKey(Schema.Boolean)
})
export const TaskRetrying = Schema.TaggedStruct("task.retrying", {
  givenUp,
  ...attempt,
  notBefore: Schema.Finite,
  error: TaskError
})
/**
 * The attempt does not count: the instance did not accept it, or, with `rerouted`, the instance was lost and the task
 * is tried elsewhere. Because a lost attempt may have started, its number is not reused and the retry budget is raised
 * by one instead.
 */
export const TaskRequeued = Schema.TaggedStruct("task.requeued", {
  givenUp,
  ...attempt,
  reason: Schema.String,
  busyUntil: Schema.Finite,
  /** Set when the instance itself was the cause, so that the task is tried elsewhere first. */
  atFault: Schema.optionalKey(Schema.Boolean),
  rerouted: Schema.optionalKey(Schema.Struct({ maxAttempts: Schema.Int, times: Schema.Int }))
})
export const TaskCompleted = Schema.TaggedStruct("task.completed", { ...attempt, result: TaskResult })
export const TaskFailed = Schema.TaggedStruct("task.failed", {
  givenUp,
  ...task,
  error: TaskError,
  unheld,
  /** Set when the lane never accepted the task: its row is inserted together with its end. */
  refused: Schema.optionalKey(Schema.Struct({ task: TaskSpec, rank: Schema.Finite }))
})
export const TaskCancelled = Schema.TaggedStruct("task.cancelled", {
  givenUp,
  ...task,
  reason: Schema.optionalKey(Schema.String),
  unheld
})
export const TaskDeadLettered = Schema.TaggedStruct("task.dead_lettered", {
  givenUp,
  ...attempt,
  error: TaskError,
  priority: Priority,
  budget: Schema.Int
})
export const TaskReplayed = Schema.TaggedStruct("task.replayed", {
  ...task,
  rank: Schema.Finite,
  attempt: Schema.Int,
  maxAttempts: Schema.Int,
  /** When the task was dead-lettered. */
  endedAt: Schema.Finite
})
/** The lane's backpressure policy dropped the task; it has no row. */
export const TaskDropped = Schema.TaggedStruct("task.dropped", {
  ...task,
  reason: Schema.String,
  receiver: Schema.optionalKey(ActorRef)
})
export const TaskRedirected = Schema.TaggedStruct("task.redirected", { ...task, to: LaneName })
export const LaneConfigured = Schema.TaggedStruct("lane.configured", { ...lane, config: LaneConfig })

/** A cancel of a running task is in flight; the instance may confirm it until `until`. */
export const CancelAsked = Schema.TaggedStruct("lane.internal_cancel_asked", {
  ...task,
  reason: Schema.optionalKey(Schema.String),
  until: Schema.Finite
})
export const Lookup = Schema.Struct({
  taskId: TaskId,
  want: Schema.Literals(["cancel", "replay"]),
  reason: Schema.optionalKey(Schema.String)
})
export type Lookup = typeof Lookup.Type
/** Tasks that the lane does not have in memory must be read from their rows. */
export const LookupAsked = Schema.TaggedStruct("lane.internal_lookup_asked", {
  ...lane,
  lookups: Schema.Array(Lookup)
})
export const LookupDone = Schema.TaggedStruct("lane.internal_lookup_done", { ...lane, taskIds: Schema.Array(TaskId) })

const page = { ...lane, seq: Schema.Int, end: Schema.Boolean }
export const Refilled = Schema.TaggedStruct("lane.internal_refilled", {
  ...page,
  window: Schema.Literals(["pending", "scheduled"]),
  entries: Schema.Array(WaitingTask)
})
export const DeadRefilled = Schema.TaggedStruct("lane.internal_dead_refilled", {
  ...page,
  entries: Schema.Array(DeadTask)
})
export const Promoted = Schema.TaggedStruct("lane.internal_promoted", { ...lane, taskIds: Schema.Array(TaskId) })

const slotsAt = { ...lane, instanceId: InstanceId }
/** The lane wants so many slots of the instance in all. */
export const SlotsAskedOf = Schema.TaggedStruct("lane.internal_slots_asked", {
  ...slotsAt,
  placement: Placement,
  want: Schema.Int,
  rank: Schema.NullOr(Schema.Finite)
})
export const SlotsGot = Schema.TaggedStruct("lane.internal_slots_granted", {
  ...slotsAt,
  registration: Schema.optionalKey(Schema.String),
  count: Schema.Int,
  keep: Schema.NullOr(Schema.Int),
  contended: Schema.Boolean
})
/** The lane wants so many slots of the instance in all, without those that it returns. */
export const SlotsGivenBack = Schema.TaggedStruct("lane.internal_slots_returned", {
  ...slotsAt,
  count: Schema.Int,
  want: Schema.Int
})
/** The lane may keep only so many; null: all that it has. */
export const SlotsWantedBack = Schema.TaggedStruct("lane.internal_slots_recalled", {
  ...slotsAt,
  keep: Schema.NullOr(Schema.Int)
})
export const SlotsVoid = Schema.TaggedStruct("lane.internal_slots_revoked", slotsAt)
/** Attempts that the lane had given up are over. */
export const GivenUpOver = Schema.TaggedStruct("lane.internal_given_up_over", {
  ...slotsAt,
  runKeys: Schema.Array(Schema.String)
})

const turnOf = { ...lane, sessionId: SessionId, ask: Schema.Int }
/** The lane wants a turn of the session for one of its tasks, or says again that it does. */
export const TurnAskedOf = Schema.TaggedStruct("lane.internal_turn_asked", {
  ...turnOf,
  timeoutMillis: Schema.Int,
  hints: RoutingHints
})
/** The session does not grant it. `over`: nor will it ever grant one. */
export const TurnDeniedBy = Schema.TaggedStruct("lane.internal_turn_denied", {
  ...turnOf,
  reason: Schema.String,
  until: Schema.Finite,
  over: Schema.optionalKey(Schema.Boolean)
})
/** The lane does without it. */
export const TurnUnused = Schema.TaggedStruct("lane.internal_turn_unused", turnOf)

/**
 * Why tasks wait: the reason, and the first tasks it applies to. `layer` names the limit where it is none of the
 * instances.
 */
export const Wait = Schema.Struct({
  reason: Schema.String,
  taskIds: Schema.Array(TaskId),
  layer: Schema.optionalKey(Schema.String)
})
export type Wait = typeof Wait.Type
/** No waiting task that was examined can be placed now. `skip`: examine tasks further back. */
export const Parked = Schema.TaggedStruct("lane.internal_parked", {
  ...lane,
  waits: Schema.Array(Wait),
  skip: Schema.Boolean
})
export const Rewound = Schema.TaggedStruct("lane.internal_rewound", lane)
/** No running attempt is due before `until`. */
export const WatchMoved = Schema.TaggedStruct("lane.internal_watch_moved", { ...lane, until: Schema.Finite })
/** No task in memory has a deadline before `next`. `sweep`: the deadlines of tasks outside memory must be read. */
export const DeadlineMoved = Schema.TaggedStruct("lane.internal_deadline_moved", {
  ...lane,
  next: Schema.NullOr(Schema.Finite),
  sweep: Schema.Boolean
})
export const Swept = Schema.TaggedStruct("lane.internal_swept", { ...lane, next: Schema.NullOr(Schema.Finite) })

export const LaneEvent = Schema.Union([
  TaskSubmitted,
  TaskStarted,
  TaskRetrying,
  TaskRequeued,
  TaskCompleted,
  TaskFailed,
  TaskCancelled,
  TaskDeadLettered,
  TaskReplayed,
  TaskDropped,
  TaskRedirected,
  LaneConfigured,
  CancelAsked,
  LookupAsked,
  LookupDone,
  Refilled,
  DeadRefilled,
  Promoted,
  Parked,
  Rewound,
  WatchMoved,
  DeadlineMoved,
  Swept,
  SlotsAskedOf,
  SlotsGot,
  SlotsGivenBack,
  SlotsWantedBack,
  SlotsVoid,
  GivenUpOver,
  TurnAskedOf,
  TurnDeniedBy,
  TurnUnused
])
export type LaneEvent = typeof LaneEvent.Type
export type LaneEventOf<Tag extends LaneEvent["_tag"]> = Extract<LaneEvent, { readonly _tag: Tag }>
