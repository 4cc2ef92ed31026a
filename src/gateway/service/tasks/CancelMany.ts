/**
 * Cancels of many tasks of one lane. The lane cancels what it holds in memory, and counts what waits behind its windows
 * without knowing the phase of each. When it holds none that is asked for, the tasks behind are found by their rows.
 */
import { Effect, Schema } from "effect"
import { type ActorUnavailable, Conflict } from "../../../schema/Errors.ts"
import type { LaneName, TaskId, TenantId } from "../../../schema/Ids.ts"
import type { Page } from "../../../ports/Reads.ts"
import type { TaskPhase } from "../../../schema/Task.ts"

export interface Cancelled {
  readonly cancelled: number
  readonly remaining: number
}

/** What one lane is asked. */
export interface CancelsOfLane<E> {
  readonly cancelWhere: Effect.Effect<Cancelled, E>
  /** Also of tasks behind the windows; answers when each cancel is recorded. `Conflict`: too many are recorded. */
  readonly cancelTasks: (taskIds: ReadonlyArray<TaskId>) => Effect.Effect<void, E | Conflict>
}

export interface TasksOfLane {
  readonly list: (options: {
    readonly tenantId: TenantId
    readonly lane: LaneName
    readonly phases: ReadonlyArray<TaskPhase>
    readonly limit: number
  }) => Effect.Effect<Pick<Page<{ readonly taskId: TaskId }>, "items" | "next">, ActorUnavailable>
}

const waiting: ReadonlySet<TaskPhase> = new Set(["pending", "scheduled", "retrying"])

/**
 * `cancelled` includes the tasks whose cancel is recorded and takes effect soon; `remaining` is 0 once no task is left
 * that could be cancelled. A lane that has as many cancels to look up as it may hold answers that all are left.
 */
export const cancelInLane = <E>(
  lane: CancelsOfLane<E>,
  rows: TasksOfLane,
  request: Parameters<TasksOfLane["list"]>[0]
): Effect.Effect<Cancelled, E | ActorUnavailable> =>
  Effect.gen(function* () {
    const held = yield* lane.cancelWhere
    if (held.cancelled > 0 || held.remaining === 0) return held
    const phases = request.phases.filter((phase) => waiting.has(phase))
    const { items, next } = yield* rows.list({ ...request, phases })
    if (items.length === 0) return { cancelled: 0, remaining: next === undefined ? 0 : held.remaining }
    const cancelled = yield* lane.cancelTasks(items.map(({ taskId }) => taskId)).pipe(
      Effect.as(items.length),
      Effect.catchIf(Schema.is(Conflict), () => Effect.succeed(0))
    )
    const isAll = next === undefined && cancelled === items.length
    return { cancelled, remaining: isAll ? 0 : Math.max(1, held.remaining - cancelled) }
  })
