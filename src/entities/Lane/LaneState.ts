/**
 * What a lane keeps in memory: the head of its backlog, the soonest of what is scheduled, the oldest dead letters, what
 * runs, and counters. All else is in the task rows. Bounds: 512 entries or 4 MiB of text a window (256 scheduled, 1,000
 * dead letters), `concurrency` running attempts, 1,024 lookups.
 */
import { HashMap, Option, Schema } from "effect"
import { InstanceId, LaneName, parseLaneEntityId, Placement, type TaskId, TenantId } from "../../schema/Ids.ts"
import { defaultLaneConfig, LaneConfig, type LaneStatus } from "../../schema/Lane.ts"
import { type TaskPhase, textLength } from "../../schema/Task.ts"
import { DeadTask, Lookup, Wait, WaitingTask } from "../../schema/events/LaneEvents.ts"
import * as BacklogWindow from "./backlog/BacklogWindow.ts"

export const RunningTask = Schema.Struct({
  ...WaitingTask.fields,
  instanceId: InstanceId,
  placement: Placement,
  startedAt: Schema.Finite,
  /** Nothing heard until then: the attempt is lost, or the cancel taken as done. */
  until: Schema.Finite,
  cancel: Schema.optionalKey(Schema.Struct({ reason: Schema.optionalKey(Schema.String) }))
})
export type RunningTask = typeof RunningTask.Type

/** What the lane has on one instance. `peak` is the most it had there, last at `peakAt`. */
export const Share = Schema.Struct({
  running: Schema.Int,
  peak: Schema.Int,
  peakAt: Schema.Finite,
  /** The instance refused an attempt and asked not to be tried before. */
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
  lookups: Schema.Array(Lookup),
  completed: Schema.Int,
  failed: Schema.Int,
  cancelled: Schema.Int,
  /** Starts that the rate allows at `at`. */
  bucket: Schema.Struct({ level: Schema.Finite, at: Schema.Finite }),
  lastInstanceId: Schema.NullOr(InstanceId),
  /** No running attempt is due before. */
  watch: Schema.NullOr(Schema.Finite),
  /** No waiting task has a deadline before. */
  deadline: Schema.NullOr(Schema.Finite),
  /** Grows with each reading of deadlines from the rows; odd while one is under way. */
  sweep: Schema.Int,
  /** Nothing that waits can be placed, for these reasons. */
  parked: Schema.NullOr(Schema.Array(Wait)),
  /** When the lane began to look past stuck tasks. */
  skippedAt: Schema.Finite,
  /** Grows when something happened that may let a parked task start. */
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

/** Tasks that have not started: what `capacity` bounds. */
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

/** The task as the lane holds it. Undefined: it waits behind a window, or has ended, or never was. */
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

export type Unheld = { readonly window: "pending" | "scheduled"; readonly order: number }

/** Where the lane counts a task that it held as waiting and has let go of since; undefined while it holds it. */
export const unheldPlace = (state: LaneState, { task, where }: Held): Unheld | undefined =>
  where === "running" || held(state, task.task.taskId) !== undefined
    ? undefined
    : { window: where, order: where === "pending" ? task.rank : (task.notBefore ?? 0) }

export const phaseOf = (found: Held): TaskPhase =>
  found.where === "scheduled" ? scheduledPhase(found.task) : found.where

/** Starts that the lane's rate allows now. */
export const startsAllowed = ({ bucket, config }: LaneState, now: number): number =>
  config.ratePerSecond === undefined ? Infinity : Math.floor(levelAt(bucket, config.ratePerSecond, now))

/** A full bucket holds the starts of one second. */
export const levelAt = (bucket: LaneState["bucket"], ratePerSecond: number, now: number): number =>
  Math.min(ratePerSecond, bucket.level + (Math.max(0, now - bucket.at) * ratePerSecond) / 1_000)

const isDefault = Schema.toEquivalence(LaneConfig)

/** Nothing waits, runs or lies dead in it, and it is configured as any lane is that nobody has named yet. */
export const isEnded = (state: LaneState): boolean =>
  waitingCount(state) === 0 &&
  HashMap.isEmpty(state.running) &&
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
