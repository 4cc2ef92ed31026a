/**
 * The rows of the task table, as the lane's commits write them. An `insert` whose (tenant_id, task_id) exists does
 * nothing. An `update` carries the key and the columns that change, with null to clear a column. Writes of one commit
 * to one row are applied in order. The names are stored permanently.
 */
import type { RowWrite } from "../../../actor/Actor.ts"
import { bounds, cut } from "../../../schema/text/Bounds.ts"
import type { LaneEvent, LaneEventOf } from "../../../schema/events/LaneEvents.ts"
import { type ColumnKind, table } from "../../../schema/tables/Table.ts"
import type { TaskError, TaskPhase, TaskResult, TaskSpec } from "../../../schema/Task.ts"
import type { Tried } from "../../../schema/runs/Tried.ts"
import { isInVain, triedWith } from "../dispatch/TriedInstances.ts"
import { type LaneState, runningOf } from "../LaneState.ts"

/** `spec`, `result` and `error` are JSON; times are Unix milliseconds. */
export interface TaskRow {
  readonly tenant_id: string
  readonly task_id: string
  readonly lane: string
  readonly phase: TaskPhase
  readonly priority: string
  /** Stored as double precision; not an integer when `ageingMillis` is not one. */
  readonly rank: number
  /** Number of attempts started, including the running one. */
  readonly attempt: number
  readonly max_attempts: number
  /** Set while `scheduled` or `retrying`. */
  readonly not_before: number | null
  readonly deadline_at: number | null
  readonly submitted_at: number
  /** Start of the latest attempt. */
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly instance_id: string | null
  readonly spec: TaskSpec
  readonly result: TaskResult | null
  readonly error: TaskError | null
  /** Why this instance was chosen, why the task was requeued, or why it was cancelled. */
  readonly because: string | null
  readonly updated_at: number
  /** Code of `error`. Tasks are looked up by this column and the next two. */
  readonly error_code: string | null
  readonly session_id: string | null
  readonly workspace_id: string | null
  readonly tried: Tried | null
}

export const taskTable = table({
  name: "tasks",
  key: ["tenant_id", "task_id"],
  columns: {
    tenant_id: "text",
    task_id: "text",
    lane: "text",
    phase: "text",
    priority: "text",
    rank: "double precision",
    attempt: "int",
    max_attempts: "int",
    not_before: "bigint",
    deadline_at: "bigint",
    submitted_at: "bigint",
    started_at: "bigint",
    ended_at: "bigint",
    instance_id: "text",
    spec: "json",
    result: "json",
    error: "json",
    because: "text",
    updated_at: "bigint",
    error_code: "text",
    session_id: "text",
    workspace_id: "text",
    tried: "json"
  } satisfies Record<keyof TaskRow, ColumnKind>,
  retention: { since: "ended_at", keptAs: "tasks", only: { phase: ["completed", "failed", "cancelled"] } }
})

type Key = "tenant_id" | "task_id" | "updated_at"
export type TaskRowUpdate = Pick<TaskRow, Key> & Partial<Omit<TaskRow, Key>>

interface Intake {
  readonly at: number
  readonly phase: TaskPhase
  readonly rank: number
  readonly task: TaskSpec
}

const insert = ({ at, phase, rank, task }: Intake, end: Partial<TaskRow> = {}): RowWrite => {
  const row: TaskRow = {
    tenant_id: task.tenantId,
    task_id: task.taskId,
    lane: task.lane,
    phase,
    priority: task.priority,
    rank,
    attempt: 0,
    max_attempts: task.retry.maxAttempts,
    not_before: phase === "scheduled" ? (task.notBefore ?? null) : null,
    deadline_at: task.deadlineAt ?? null,
    submitted_at: at,
    started_at: null,
    ended_at: null,
    instance_id: null,
    spec: task,
    result: null,
    error: null,
    because: null,
    updated_at: at,
    error_code: null,
    session_id: task.sessionId ?? null,
    workspace_id: task.workspaceId ?? null,
    tried: null,
    ...end
  }
  return { table: taskTable, op: "insert", mayExist: task.idIsNew !== true, row: { ...row } }
}

interface About {
  readonly tenantId: string
  readonly at: number
}

const update = ({ at, tenantId }: About, taskId: string, columns: Omit<TaskRowUpdate, Key>): RowWrite => {
  const row: TaskRowUpdate = { tenant_id: tenantId, task_id: taskId, updated_at: at, ...columns }
  return { table: taskTable, op: "update", row: { ...row } }
}

const failure = (error: TaskError) => ({ error, error_code: cut(error.code, bounds.errorCode) })

/**
 * The reason, cut to the current bound. Its event may have been decided under other bounds, perhaps long ago, and a row
 * that could not be written would keep the lane from ever writing again.
 */
const because = (reason: string | undefined): string | null =>
  reason === undefined ? null : cut(reason, bounds.reason)

const started = (event: LaneEventOf<"task.started">): RowWrite =>
  update(event, event.taskId, {
    phase: "running",
    attempt: event.attempt,
    instance_id: event.instanceId,
    because: event.because,
    started_at: event.at
  })

/** The column `tried` after an attempt that the instance did not serve. */
const triedNow = (before: LaneState, taskId: string): Pick<TaskRowUpdate, "tried"> => {
  const running = runningOf(before, taskId)
  return running === undefined ? {} : { tried: triedWith(running) }
}

const requeued = (event: LaneEventOf<"task.requeued">, before: LaneState): RowWrite =>
  update(event, event.taskId, {
    phase: "pending",
    ...(event.rerouted === undefined ? { attempt: event.attempt - 1 } : { max_attempts: event.rerouted.maxAttempts }),
    instance_id: null,
    started_at: null,
    because: because(event.reason),
    ...(isInVain(event) ? triedNow(before, event.taskId) : {})
  })

const retrying = (event: LaneEventOf<"task.retrying">, before: LaneState): RowWrite =>
  update(event, event.taskId, {
    phase: "retrying",
    not_before: event.notBefore,
    ...failure(event.error),
    ...triedNow(before, event.taskId)
  })

const deadLettered = (event: LaneEventOf<"task.dead_lettered">, before: LaneState): RowWrite =>
  update(event, event.taskId, {
    phase: "dead_lettered",
    ...failure(event.error),
    ended_at: event.at,
    ...triedNow(before, event.taskId)
  })

const completed = (event: LaneEventOf<"task.completed">): RowWrite =>
  update(event, event.taskId, {
    phase: "completed",
    result: event.result,
    error: null,
    error_code: null,
    ended_at: event.at
  })

/** A task that the lane refused at its submission has no row yet, so the row is inserted. */
const failed = (event: LaneEventOf<"task.failed">): RowWrite =>
  event.refused === undefined
    ? update(event, event.taskId, { phase: "failed", ...failure(event.error), ended_at: event.at })
    : insert({ at: event.at, phase: "failed", ...event.refused }, { ...failure(event.error), ended_at: event.at })

const replayed = (event: LaneEventOf<"task.replayed">): RowWrite =>
  update(event, event.taskId, {
    phase: "pending",
    rank: event.rank,
    max_attempts: event.maxAttempts,
    instance_id: null,
    ended_at: null,
    error: null,
    error_code: null
  })

export const rows = (event: LaneEvent, before: LaneState, _after: LaneState): ReadonlyArray<RowWrite> => {
  switch (event._tag) {
    case "task.submitted":
      return [insert(event)]
    case "task.started":
      return [started(event)]
    case "task.retrying":
      return [retrying(event, before)]
    case "task.requeued":
      return [requeued(event, before)]
    case "task.completed":
      return [completed(event)]
    case "task.failed":
      return [failed(event)]
    case "task.cancelled":
      return [update(event, event.taskId, { phase: "cancelled", because: because(event.reason), ended_at: event.at })]
    case "task.dead_lettered":
      return [deadLettered(event, before)]
    case "task.replayed":
      return [replayed(event)]
    case "lane.internal_promoted":
      return event.taskIds.map((taskId) => update(event, taskId, { phase: "pending", not_before: null }))
    default:
      return []
  }
}
