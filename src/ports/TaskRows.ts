/** Reads of the task table for the lane that owns the rows. Writes go through the lane's commits (`Actor.rows`). */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { LaneName, TaskId, TenantId } from "../schema/Ids.ts"
import type { HeldTask, Priority, TaskPhase } from "../schema/Task.ts"

/** A waiting task with its place in the order: lower `rank` first, then `taskId`. */
export interface BacklogEntry {
  /** Without its text when that is long. */
  readonly task: HeldTask
  readonly rank: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly submittedAt: number
}

/** `isEnd`: there were no rows behind these. A page is also short where its rows are long. */
export interface BacklogPage<Entry> {
  readonly entries: ReadonlyArray<Entry>
  readonly isEnd: boolean
}

/** A dead-lettered task: what a replay needs of it. */
export interface DeadLetter {
  readonly taskId: TaskId
  readonly priority: Priority
  readonly attempt: number
  /** `retry.maxAttempts` of its spec. */
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
    /** Tasks of phase `pending` after `after`, by (rank, task_id), at most `limit`. */
    readonly pending: (
      lane: LaneAddress,
      after: { readonly rank: number; readonly taskId: string } | undefined,
      limit: number
    ) => Effect.Effect<BacklogPage<BacklogEntry>, ActorUnavailable>
    /** Tasks of phase `scheduled` or `retrying`, due or not, by (not_before, task_id), at most `limit`. */
    readonly scheduled: (
      lane: LaneAddress,
      after: { readonly notBefore: number; readonly taskId: string } | undefined,
      limit: number
    ) => Effect.Effect<BacklogPage<BacklogEntry & { readonly notBefore: number }>, ActorUnavailable>
    /** Tasks of phase `dead_lettered`, by (ended_at, task_id), at most `limit`. */
    readonly deadLettered: (
      lane: LaneAddress,
      after: { readonly endedAt: number; readonly taskId: string } | undefined,
      limit: number
    ) => Effect.Effect<ReadonlyArray<DeadLetter>, ActorUnavailable>
    /**
     * Tasks of phase `pending`, `scheduled` or `retrying` that have a deadline, by (deadline_at, task_id), at most
     * `limit`.
     */
    readonly deadlines: (
      lane: LaneAddress,
      limit: number
    ) => Effect.Effect<ReadonlyArray<{ readonly taskId: TaskId; readonly deadlineAt: number }>, ActorUnavailable>
    /** Rows of this lane only. */
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
