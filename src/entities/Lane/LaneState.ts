/**
 * What a lane keeps in memory: the head of its backlog, the earliest scheduled tasks, the oldest dead letters, the
 * running tasks, and counters. Everything else is in the task rows. Bounds: windows of 512 pending and 256 scheduled
 * entries, each of at most 4 Mi characters of text, 1,000 dead letters, `concurrency` running attempts, 1,024 lookups.
 */
import { Effect, HashMap, Option, Schema } from "effect"
import { InstanceId, LaneName, parseLaneEntityId, Placement, type TaskId, TenantId } from "../../schema/Ids.ts"
import { defaultLaneConfig, LaneConfig, type LaneStatus } from "../../schema/Lane.ts"
import { type TaskPhase, textLength } from "../../schema/Task.ts"
import type { ActorRef } from "../../schema/ActorRef.ts"
import { DeadTask, Lookup, Wait, WaitingTask } from "../../schema/events/LaneEvents.ts"
import * as BacklogWindow from "./backlog/BacklogWindow.ts"
import { GivenUp, SlotLeases } from "./slots/SlotLease.ts"
import { askedCount, TurnLeases } from "./turns/TurnLease.ts"

export const RunningTask = Schema.Struct({
  ...WaitingTask.fields,
  instanceId: InstanceId,
  placement: Placement,
  /** The instance named for the next attempt when this one fails. */
  backup: Schema.optionalKey(InstanceId),
  startedAt: Schema.Finite,
  /** The attempt spends a slot of the lane. */
  onSlot: Schema.optionalKey(Schema.Boolean),
  /** The attempt runs on a turn of the task's session. */
  onTurn: Schema.optionalKey(Schema.Boolean),
  /** Unix milliseconds at which an attempt without any report is lost, or a requested cancel is taken as done. */
  until: Schema.Finite,
  /** Unix milliseconds at which the slot that it was started on turned out to be void. */
  voidAt: Schema.optionalKey(Schema.Finite),
  cancel: Schema.optionalKey(Schema.Struct({ reason: Schema.optionalKey(Schema.String) }))
})
export type RunningTask = typeof RunningTask.Type

/**
 * The lane's usage of one instance. `peak` is the most attempts that ran there at once, last at `peakAt` (Unix
 * milliseconds).
 */
export const Share = Schema.Struct({
  running: Schema.Int,
  peak: Schema.Int,
  peakAt: Schema.Finite,
  /** Unix milliseconds until which the instance asked not to be tried, when it refused an attempt. */
  busyUntil: Schema.Finite
})
export type Share = typeof Share.Type

export const LaneState = Schema.Struct({
  tenantId: TenantId,
  lane: LaneName,
  config: LaneConfig,
  pending: BacklogWindow.windowSchema(WaitingTask),
  scheduled: BacklogWindow.windowSchema(WaitingTask),
  dead: BacklogWindow.windowSchema(DeadTask),
  running: Schema.HashMap(Schema.String, RunningTask),
  shares: Schema.HashMap(Schema.String, Share),
  slots: SlotLeases.pipe(Schema.withDecodingDefaultKey(Effect.succeed(HashMap.empty()))),
  /** Attempts that the lane gave up on a slot, by run key: the instance has not said that they are over. */
  givenUp: Schema.HashMap(Schema.String, GivenUp).pipe(Schema.withDecodingDefaultKey(Effect.succeed(HashMap.empty()))),
  turns: TurnLeases.pipe(Schema.withDecodingDefaultKey(Effect.succeed(HashMap.empty()))),
  /** Number of the last ask for a turn. */
  turnAsks: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  /** How often attempts were left without their slots. */
  voids: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  lookups: Schema.Array(Lookup),
  completed: Schema.Int,
  failed: Schema.Int,
  cancelled: Schema.Int,
  /** Token bucket of the start rate: `level` starts are allowed at `at`. */
  bucket: Schema.Struct({ level: Schema.Finite, at: Schema.Finite }),
  lastInstanceId: Schema.NullOr(InstanceId),
  /** No running attempt is due before this time; null when none is running. */
  watch: Schema.NullOr(Schema.Finite),
  /** No waiting task has a deadline before this time; null when no deadline is known. */
  deadline: Schema.NullOr(Schema.Finite),
  /** Incremented when a sweep of the deadlines in the rows begins and when it ends; odd while one is running. */
  sweep: Schema.Int,
  /** Why no waiting task can be placed; null when the lane is not parked. */
  parked: Schema.NullOr(Schema.Array(Wait)),
  /** Unix milliseconds at which the lane began to look past stuck tasks. */
  skippedAt: Schema.Finite,
  /** Incremented when something happened that may let a parked task start. */
  round: Schema.Int
})
export type LaneState = typeof LaneState.Type

const specWeight = ({ task }: WaitingTask): number => textLength(task.payload) + 512

const textMax = 4 * 1024 * 1024

export const pendingBounds: BacklogWindow.Bounds<WaitingTask> = {
  placeOf: ({ rank, task }) => ({ order: rank, taskId: task.taskId }),
  weightOf: specWeight,
  entriesMax: 512,
  weightMax: textMax,
  lookahead: 4_096
}
export const scheduledBounds: BacklogWindow.Bounds<WaitingTask> = {
  placeOf: ({ notBefore, task }) => ({ order: notBefore ?? 0, taskId: task.taskId }),
  weightOf: specWeight,
  entriesMax: 256,
  weightMax: textMax,
  lookahead: 0
}
export const deadBounds: BacklogWindow.Bounds<DeadTask> = {
  placeOf: ({ endedAt, taskId }) => ({ order: endedAt, taskId }),
  weightOf: () => 1,
  entriesMax: 1_000,
  weightMax: 1_000,
  lookahead: 0
}

export const pendingOps = BacklogWindow.make(pendingBounds)
export const scheduledOps = BacklogWindow.make(scheduledBounds)
export const deadOps = BacklogWindow.make(deadBounds)

export const initial = (entityId: string): LaneState => ({
  ...parseLaneEntityId(entityId),
  config: defaultLaneConfig,
  pending: BacklogWindow.empty,
  scheduled: BacklogWindow.empty,
  dead: BacklogWindow.empty,
  running: HashMap.empty(),
  shares: HashMap.empty(),
  slots: HashMap.empty(),
  givenUp: HashMap.empty(),
  turns: HashMap.empty(),
  turnAsks: 0,
  voids: 0,
  lookups: [],
  completed: 0,
  failed: 0,
  cancelled: 0,
  bucket: { level: 0, at: 0 },
  lastInstanceId: null,
  watch: null,
  deadline: null,
  sweep: 0,
  parked: null,
  skippedAt: 0,
  round: 0
})

/** Number of tasks that have not started, which `capacity` bounds. */
export const waitingCount = (state: LaneState): number =>
  BacklogWindow.size(state.pending) + BacklogWindow.size(state.scheduled)

export const runningOf = (state: LaneState, taskId: string): RunningTask | undefined =>
  Option.getOrUndefined(HashMap.get(state.running, taskId))

export const runKeyOf = (task: { readonly task: { readonly taskId: TaskId }; readonly attempt: number }): string =>
  `${task.task.taskId}.${task.attempt}`

export const scheduledPhase = ({ attempt }: WaitingTask): "scheduled" | "retrying" =>
  attempt > 0 ? "retrying" : "scheduled"

export type Held =
  | { readonly where: "running"; readonly task: RunningTask }
  | { readonly where: "pending" | "scheduled"; readonly task: WaitingTask }

/** The task as the lane holds it in memory. Undefined when it waits behind a window, has ended, or never existed. */
export const held = (state: LaneState, taskId: string): Held | undefined => {
  const task = runningOf(state, taskId)
  if (task !== undefined) return { where: "running", task }
  const pending = BacklogWindow.find(state.pending, pendingBounds, taskId)
  if (pending !== undefined) return { where: "pending", task: pending }
  const scheduled = BacklogWindow.find(state.scheduled, scheduledBounds, taskId)
  return scheduled === undefined ? undefined : { where: "scheduled", task: scheduled }
}

export function* waiting({ pending, scheduled }: LaneState): Generator<Held> {
  for (const task of pending.entries) yield { where: "pending", task }
  for (const task of scheduled.entries) yield { where: "scheduled", task }
}

/** Where a task outside the windows is counted, with its receiver, which its row alone holds. */
export interface Unheld {
  readonly window: "pending" | "scheduled"
  readonly order: number
  readonly receiver?: ActorRef
}

/**
 * Where the lane counts a waiting task that it held and has since dropped from memory; undefined while it is held or
 * runs.
 */
export const unheldPlace = (state: LaneState, { task, where }: Held): Unheld | undefined =>
  where === "running" || held(state, task.task.taskId) !== undefined
    ? undefined
    : { window: where, order: where === "pending" ? task.rank : (task.notBefore ?? 0), ...receiverOf(task) }

export const receiverOf = ({ task: { receiver } }: WaitingTask): Pick<Unheld, "receiver"> =>
  receiver === undefined ? {} : { receiver }

export const phaseOf = (found: Held): TaskPhase =>
  found.where === "scheduled" ? scheduledPhase(found.task) : found.where

/** Whether a task waits that may start. Turns that are asked for stand for tasks that will run. */
export const wantsDispatch = ({ config, pending, running, turns }: LaneState): boolean =>
  !config.paused && pending.entries.length > 0 && HashMap.size(running) + askedCount(turns) < config.concurrency

/** Number of starts that the lane's rate allows now; `Infinity` without a rate. */
export const startsAllowed = ({ bucket, config }: LaneState, now: number): number =>
  config.ratePerSecond === undefined ? Infinity : Math.floor(levelAt(bucket, config.ratePerSecond, now))

/** The bucket's level at `now`. A full bucket holds the starts of one second. */
export const levelAt = (bucket: LaneState["bucket"], ratePerSecond: number, now: number): number =>
  Math.min(ratePerSecond, bucket.level + (Math.max(0, now - bucket.at) * ratePerSecond) / 1_000)

const isDefault = Schema.toEquivalence(LaneConfig)

/**
 * Whether nothing waits, runs, is dead-lettered or is being looked up, and the configuration is that of an unused lane.
 */
export const isEnded = (state: LaneState): boolean =>
  waitingCount(state) === 0 &&
  HashMap.isEmpty(state.running) &&
  HashMap.isEmpty(state.slots) &&
  HashMap.isEmpty(state.turns) &&
  BacklogWindow.size(state.dead) === 0 &&
  state.lookups.length === 0 &&
  isDefault(state.config, defaultLaneConfig)

export const statusOf = (state: LaneState): LaneStatus => ({
  tenantId: state.tenantId,
  lane: state.lane,
  config: state.config,
  state: state.config.paused ? "closed" : waitingCount(state) >= state.config.capacity ? "saturated" : "open",
  pending: BacklogWindow.size(state.pending),
  scheduled: BacklogWindow.size(state.scheduled),
  running: HashMap.size(state.running),
  completed: state.completed,
  failed: state.failed,
  cancelled: state.cancelled,
  deadLettered: BacklogWindow.size(state.dead)
})
