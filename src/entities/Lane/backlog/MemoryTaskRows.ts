/** Task rows over the in-memory journal, for tests and simulation. */
import { Effect, Layer } from "effect"
import { MemoryStore } from "../../../actor/memory/MemoryJournal.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import { heldMost, hold } from "../../../schema/Task.ts"
import { type LaneAddress, TaskRows } from "../../../ports/TaskRows.ts"
import { comparePlaces, type Place } from "./Rank.ts"
import { type TaskRow, taskTable } from "./TaskRow.ts"

const entryOf = (row: TaskRow) => ({
  task: hold(row.spec, heldMost.waiting),
  rank: row.rank,
  attempt: row.attempt,
  maxAttempts: row.max_attempts,
  submittedAt: row.submitted_at,
  ...(row.tried === null ? {} : { tried: row.tried })
})

const pageOf = <Entry>(entries: ReadonlyArray<Entry>, limit: number) => ({ entries, isEnd: entries.length < limit })

const waits = ({ phase }: TaskRow): boolean => phase === "pending" || phase === "scheduled" || phase === "retrying"

const make = Effect.map(MemoryStore, (store) => {
  const rowsOf = ({ lane, tenantId }: LaneAddress): ReadonlyArray<TaskRow> =>
    [...(store.tables.get(taskTable.name)?.values() ?? [])]
      .map((row) => row as unknown as TaskRow)
      .filter((row) => row.tenant_id === tenantId && row.lane === lane)

  const page = (
    lane: LaneAddress,
    isWanted: (row: TaskRow) => boolean,
    orderOf: (row: TaskRow) => number,
    after: Place | undefined,
    limit: number
  ): ReadonlyArray<TaskRow> => {
    const placeOf = (row: TaskRow): Place => ({ order: orderOf(row), taskId: row.task_id })
    return rowsOf(lane)
      .filter((row) => isWanted(row) && (after === undefined || comparePlaces(placeOf(row), after) > 0))
      .sort((left, right) => comparePlaces(placeOf(left), placeOf(right)))
      .slice(0, limit)
  }

  return TaskRows.of({
    pending: (lane, after, limit) =>
      Effect.sync(() =>
        pageOf(
          page(
            lane,
            ({ phase }) => phase === "pending",
            ({ rank }) => rank,
            after && { order: after.rank, taskId: after.taskId },
            limit
          ).map(entryOf),
          limit
        )
      ),
    scheduled: (lane, after, limit) =>
      Effect.sync(() =>
        pageOf(
          page(
            lane,
            ({ phase }) => phase === "scheduled" || phase === "retrying",
            (row) => row.not_before ?? 0,
            after && { order: after.notBefore, taskId: after.taskId },
            limit
          ).map((row) => ({ ...entryOf(row), notBefore: row.not_before ?? 0 })),
          limit
        )
      ),
    deadLettered: (lane, after, limit) =>
      Effect.sync(() =>
        pageOf(
          page(
            lane,
            ({ phase }) => phase === "dead_lettered",
            (row) => row.ended_at ?? 0,
            after && { order: after.endedAt, taskId: after.taskId },
            limit
          ).map((row) => ({
            taskId: row.task_id as TaskId,
            priority: row.spec.priority,
            attempt: row.attempt,
            budget: row.spec.retry.maxAttempts,
            endedAt: row.ended_at ?? 0
          })),
          limit
        )
      ),
    deadlines: (lane, limit) =>
      Effect.sync(() =>
        page(
          lane,
          (row) => waits(row) && row.deadline_at !== null,
          (row) => row.deadline_at ?? 0,
          undefined,
          limit
        ).map((row) => ({ taskId: row.task_id as TaskId, deadlineAt: row.deadline_at ?? 0 }))
      ),
    get: (lane, taskIds) =>
      Effect.sync(() => {
        const wanted = new Set<string>(taskIds)
        return rowsOf(lane)
          .filter((row) => wanted.has(row.task_id))
          .map((row) => ({
            ...entryOf(row),
            phase: row.phase,
            notBefore: row.not_before ?? undefined,
            endedAt: row.ended_at ?? undefined
          }))
      })
  })
})

export const layer: Layer.Layer<TaskRows, never, MemoryStore> = Layer.effect(TaskRows, make)
