/** Reads of the task table for the lane that owns the rows. The lane writes them with its commits (`Actor.rows`). */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { LaneName, TaskId, TenantId } from "../schema/Ids.ts"
import type { Tried } from "../schema/runs/Tried.ts"
import type { HeldTask, Priority, TaskPhase } from "../schema/Task.ts"

/** A waiting task with its position in the queue: lower `rank` first, then `taskId`. */
export interface BacklogEntry {
  /** The task, without its text when that is long. */
  readonly task: HeldTask
  readonly rank: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly submittedAt: number
  readonly tried?: Tried
}

/**
 * `isEnd`: no rows follow this page. Rely on it rather than on the length of the page, which may be short before the
 * end, but not empty.
 */
export interface BacklogPage<Entry> {
  readonly entries: ReadonlyArray<Entry>
  readonly isEnd: boolean
}

/** A dead-lettered task, with what a replay needs. */
export interface DeadLetter {
  readonly taskId: TaskId
  readonly priority: Priority
  readonly attempt: number
  /** `retry.maxAttempts` of the task's spec. */
  readonly budget: number
  readonly endedAt: number
}

export interface LaneAddress {
  readonly tenantId: TenantId
  readonly lane: LaneName
}

export class TaskRows extends Context.Service<
  TaskRows,
  {
    /** Tasks in phase `pending` after `after`, by (rank, task_id), at most `limit`. */
    readonly pending: (
      lane: LaneAddress,
      after: { readonly rank: number; readonly taskId: string } | undefined,
      limit: number
    ) => Effect.Effect<BacklogPage<BacklogEntry>, ActorUnavailable>
    /** Tasks in phase `scheduled` or `retrying`, due or not, by (not_before, task_id), at most `limit`. */
    readonly scheduled: (
      lane: LaneAddress,
      after: { readonly notBefore: number; readonly taskId: string } | undefined,
      limit: number
    ) => Effect.Effect<BacklogPage<BacklogEntry & { readonly notBefore: number }>, ActorUnavailable>
    /** Tasks in phase `dead_lettered`, by (ended_at, task_id), at most `limit`. */
    readonly deadLettered: (
      lane: LaneAddress,
      after: { readonly endedAt: number; readonly taskId: string } | undefined,
      limit: number
    ) => Effect.Effect<BacklogPage<DeadLetter>, ActorUnavailable>
    /**
     * Tasks in phase `pending`, `scheduled` or `retrying` that have a deadline, by (deadline_at, task_id), at most
     * `limit`.
     */
    readonly deadlines: (
      lane: LaneAddress,
      limit: number
    ) => Effect.Effect<ReadonlyArray<{ readonly taskId: TaskId; readonly deadlineAt: number }>, ActorUnavailable>
    /** Those of the tasks that are in this lane. */
    readonly get: (
      lane: LaneAddress,
      taskIds: ReadonlyArray<TaskId>
    ) => Effect.Effect<
      ReadonlyArray<
        BacklogEntry & {
          readonly phase: TaskPhase
          readonly notBefore: number | undefined
          readonly endedAt: number | undefined
        }
      >,
      ActorUnavailable
    >
  }
>()("clawster/ports/TaskRows") {}
