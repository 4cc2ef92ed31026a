/** Decisions on what the lane's row readers report, made against the current state. */
import { type DecideContext, type Decision, note, type Outgoing } from "../../../actor/Actor.ts"
import { instantText } from "../../../schema/text/Bounds.ts"
import type { DeadTask, LaneEvent, Lookup, WaitingTask } from "../../../schema/events/LaneEvents.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import type { TaskPhase } from "../../../schema/Task.ts"
import { cancelHeld } from "../commands/Cancel.ts"
import { draft } from "../LaneEvolve.ts"
import { held, type LaneState, receiverOf, type Unheld } from "../LaneState.ts"
import { replayed } from "../commands/Replay.ts"

/**
 * `taken` of each window before the rows were read (optimistic concurrency). If `taken` is unchanged, rows that were
 * outside the windows still wait where they were read; otherwise they may have been loaded, started or finished since.
 */
export interface AsOf {
  readonly pending: number
  readonly scheduled: number
  readonly dead: number
}

export const asOf = ({ dead, pending, scheduled }: LaneState): AsOf => ({
  pending: pending.taken,
  scheduled: scheduled.taken,
  dead: dead.taken
})

/** Whether the lane has the task in memory, as waiting, running or dead-lettered. */
export const isKnown = (state: LaneState, taskId: TaskId): boolean =>
  held(state, taskId) !== undefined || state.dead.entries.some((entry) => entry.taskId === taskId)

export interface FoundRow extends WaitingTask {
  readonly phase: TaskPhase
  readonly endedAt?: number
}

export type Report =
  | {
      readonly _tag: "Page"
      readonly window: "pending" | "scheduled"
      readonly seq: number
      readonly entries: ReadonlyArray<WaitingTask>
      readonly end: boolean
    }
  | {
      readonly _tag: "DeadPage"
      readonly seq: number
      readonly entries: ReadonlyArray<DeadTask>
      readonly end: boolean
    }
  | {
      readonly _tag: "Found"
      readonly asOf: AsOf
      /** Tasks that the lane did not have in memory at the read. */
      readonly asked: ReadonlyArray<TaskId>
      readonly rows: ReadonlyArray<FoundRow>
      /** Tasks whose rows are not read again: they say `running`, read after read, of what the lane does not run. */
      readonly givenUp: ReadonlyArray<TaskId>
    }
  | {
      readonly _tag: "Overdue"
      readonly asOf: AsOf
      readonly sweep: number
      /** Tasks that the lane did not have in memory at the read. */
      readonly rows: ReadonlyArray<FoundRow>
      readonly next: number | null
    }

const ofLane = ({ lane, tenantId }: LaneState, at: number) => ({ tenantId, lane, at })

export const page = (
  state: LaneState,
  { end, entries, seq, window }: Extract<Report, { readonly _tag: "Page" }>,
  { now }: DecideContext
): Decision<LaneEvent, void, never> =>
  state[window].refill?.seq === seq
    ? note([{ _tag: "lane.internal_refilled", ...ofLane(state, now), window, seq, entries, end }])
    : note([])

export const deadPage = (
  state: LaneState,
  { end, entries, seq }: Extract<Report, { readonly _tag: "DeadPage" }>,
  { now }: DecideContext
): Decision<LaneEvent, void, never> =>
  state.dead.refill?.seq === seq
    ? note([{ _tag: "lane.internal_dead_refilled", ...ofLane(state, now), seq, entries, end }])
    : note([])

const isStale = (state: LaneState, seen: AsOf): boolean =>
  seen.pending !== state.pending.taken || seen.scheduled !== state.scheduled.taken

/** Where a row is counted while it waits; undefined when it does not wait. */
const placeOf = (row: FoundRow): Unheld | undefined => {
  const { notBefore = 0, phase, rank } = row
  switch (phase) {
    case "pending":
      return { window: "pending", order: rank, ...receiverOf(row) }
    case "scheduled":
    case "retrying":
      return { window: "scheduled", order: notBefore, ...receiverOf(row) }
    default:
      return undefined
  }
}

/**
 * Answers the lookups it can. A lookup whose row may have moved stays, and its row is read again, unless the report
 * gives it up. So does a further lookup of a task that an earlier lookup has moved. Each lookup of a task in memory is
 * decided on the windows as the earlier lookups leave them.
 */
export const found = (
  state: LaneState,
  report: Extract<Report, { readonly _tag: "Found" }>,
  { now }: DecideContext
): Decision<LaneEvent, void, never> => {
  const asked = new Set(report.asked)
  const givenUp = new Set(report.givenUp)
  const rows = new Map(report.rows.map((row) => [row.task.taskId, row]))
  const change = draft(state)
  const done = new Set<TaskId>()
  const moved = new Set<TaskId>()
  const lookups: Array<Lookup> = []
  for (const lookup of state.lookups) {
    const { taskId } = lookup
    if (moved.has(taskId)) {
      lookups.push(lookup)
      continue
    }
    const answer =
      answerKnown(change.state, lookup, now) ??
      (asked.has(taskId) ? answerRow(state, lookup, rows.get(taskId), report.asOf, now) : undefined) ??
      (givenUp.has(taskId) ? only() : undefined)
    if (answer === undefined) continue
    done.add(taskId)
    if (answer.events.length > 0) moved.add(taskId)
    answer.events.forEach((event) => change.emit(event))
    answer.sends.forEach((message) => change.send(message))
  }
  if (done.size > 0) change.emit({ _tag: "lane.internal_lookup_done", ...ofLane(state, now), taskIds: [...done] })
  if (lookups.length > 0) change.emit({ _tag: "lane.internal_lookup_asked", ...ofLane(state, now), lookups })
  return change.accept(undefined)
}

interface Answer {
  readonly events: ReadonlyArray<LaneEvent>
  readonly sends: ReadonlyArray<Outgoing>
}

const only = (...events: Array<LaneEvent>): Answer => ({ events, sends: [] })

const answerKnown = (state: LaneState, { reason, taskId, want }: Lookup, now: number): Answer | undefined => {
  const inMemory = held(state, taskId)
  const dead = state.dead.entries.find((entry) => entry.taskId === taskId)
  if (inMemory === undefined && dead === undefined) return undefined
  if (want === "replay") return dead === undefined ? only() : only(replayed(state, dead, now))
  if (inMemory === undefined) return only()
  const { event, sends } = cancelHeld(state, inMemory, reason, now)
  return { events: event === undefined ? [] : [event], sends }
}

/** Undefined when the row may have moved since it was read. */
const answerRow = (
  state: LaneState,
  { reason, taskId, want }: Lookup,
  row: FoundRow | undefined,
  seen: AsOf,
  now: number
): Answer | undefined => {
  if (row === undefined) return only()
  if (want === "replay") {
    if (row.phase !== "dead_lettered") return only()
    const {
      attempt,
      endedAt = 0,
      task: { priority, retry }
    } = row
    const dead = { taskId, priority, attempt, budget: retry.maxAttempts, endedAt }
    return seen.dead === state.dead.taken ? only(replayed(state, dead, now)) : undefined
  }
  if (isStale(state, seen) || row.phase === "running") return undefined
  const unheld = placeOf(row)
  if (unheld === undefined) return only()
  const why = reason === undefined ? {} : { reason }
  return only({ _tag: "task.cancelled", ...ofLane(state, now), taskId, ...why, unheld })
}

/**
 * Fails the tasks whose deadline passed while they waited behind a window. When rows may have moved since the read,
 * nothing is failed and the sweep is repeated.
 */
export const overdue = (
  state: LaneState,
  report: Extract<Report, { readonly _tag: "Overdue" }>,
  { now }: DecideContext
): Decision<LaneEvent, void, never> => {
  if (report.sweep !== state.sweep) return note([])
  if (isStale(state, report.asOf)) {
    return note([{ _tag: "lane.internal_swept", ...ofLane(state, now), next: now }])
  }
  const events: Array<LaneEvent> = []
  for (const row of report.rows) {
    const {
      task: { deadlineAt = Infinity, taskId }
    } = row
    const unheld = placeOf(row)
    if (deadlineAt > now || unheld === undefined || held(state, taskId) !== undefined) continue
    events.push(deadlineExceeded(state, taskId, deadlineAt, now, unheld))
  }
  return note([...events, { _tag: "lane.internal_swept", ...ofLane(state, now), next: report.next }])
}

export const deadlineExceeded = (
  state: LaneState,
  taskId: TaskId,
  deadlineAt: number,
  now: number,
  unheld?: Unheld
): LaneEvent => ({
  _tag: "task.failed",
  ...ofLane(state, now),
  taskId,
  error: {
    code: "DeadlineExceeded",
    message: `the task had not started by its deadline, ${instantText(deadlineAt)}`,
    retryable: false
  },
  ...(unheld === undefined ? {} : { unheld })
})
