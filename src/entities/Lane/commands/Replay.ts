/**
 * Puts dead-lettered tasks back into the backlog, with a fresh retry budget and the rank of a task that arrives now.
 * Attempt numbers continue, so that no run key is used twice.
 *
 * Tasks among the oldest 1,000 dead letters are replayed at once. The rows of other tasks that are named are read
 * first. They are part of the answer all the same, and a task that turns out not to be dead-lettered stays as it is.
 * With no task named, the oldest 1,000 are replayed: call again until none is returned.
 */
import { accept, type DecideContext, type Decision, refuse } from "../../../actor/Actor.ts"
import { NotFound } from "../../../schema/Errors.ts"
import type { DeadTask, LaneEvent } from "../../../schema/events/LaneEvents.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import { lookupsMax } from "./Cancel.ts"
import type { LaneState } from "../LaneState.ts"
import { rankOf } from "../backlog/Rank.ts"
import { unheld } from "../backlog/BacklogWindow.ts"

export const replay = (
  state: LaneState,
  { taskIds }: { readonly taskIds: ReadonlyArray<TaskId> },
  { now }: DecideContext
): Decision<LaneEvent, { readonly replayed: ReadonlyArray<TaskId> }, NotFound> => {
  const dead = new Map(state.dead.entries.map((entry) => [entry.taskId, entry]))
  if (taskIds.length === 0) {
    return accept(
      state.dead.entries.map((entry) => replayed(state, entry, now)),
      { replayed: [...dead.keys()] }
    )
  }
  const wanted = [...new Set(taskIds)]
  const known = wanted.flatMap((taskId) => dead.get(taskId) ?? [])
  const underWay = new Set(state.lookups.flatMap(({ taskId, want }) => (want === "replay" ? [taskId] : [])))
  const unknown = wanted.filter((taskId) => !dead.has(taskId))
  const asked = unknown.filter((taskId) => underWay.has(taskId))
  const room = unheld(state.dead) === 0 ? 0 : lookupsMax - state.lookups.length
  const sought = unknown.filter((taskId) => !underWay.has(taskId)).slice(0, room)
  if (known.length + asked.length + sought.length === 0) {
    return refuse(
      new NotFound({
        kind: "task",
        id: wanted.join(", "),
        message: `lane ${state.lane} has no dead-lettered task of ${wanted.length === 1 ? "that id" : "those ids"}`
      })
    )
  }
  const events = known.map((entry) => replayed(state, entry, now))
  const lookups = sought.map((taskId) => ({ taskId, want: "replay" as const }))
  const { lane, tenantId } = state
  if (lookups.length > 0) {
    events.push({ _tag: "lane.internal_lookup_asked", tenantId, lane, at: now, lookups })
  }
  return accept(events, { replayed: [...known.map(({ taskId }) => taskId), ...asked, ...sought] })
}

export const replayed = (
  { config, lane, tenantId }: LaneState,
  { attempt, budget, endedAt, priority, taskId }: DeadTask,
  now: number
): LaneEvent => ({
  _tag: "task.replayed",
  tenantId,
  lane,
  taskId,
  at: now,
  rank: rankOf(priority, now, config.ageingMillis),
  attempt,
  maxAttempts: attempt + budget,
  endedAt
})
