/**
 * Cancels tasks. A waiting task that the lane holds ends at once. A running task is aborted at its instance and ends
 * when the instance reports it, or after a deadline; if it completes first, it is completed.
 *
 * A task behind the window is only a row. The command records a lookup and answers `pending`; an activity reads the row
 * and reports it. Between that read and the decision, the row may have been loaded into the window, started or even
 * ended. The report therefore says which tasks the lane did not hold, and which rows it had loaded, before the read.
 * The lane cancels the task if it holds it now. It cancels a row only when it did not hold the task at the read and no
 * row has been loaded since; otherwise the row is read again. So a task that ran is never turned into a cancelled one.
 */
import { HashMap } from "effect"
import { accept, type DecideContext, type Decision, type Outgoing, refuse } from "../../../actor/Actor.ts"
import { Conflict, NotFound } from "../../../schema/Errors.ts"
import type { LaneEvent, Lookup } from "../../../schema/events/LaneEvents.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import type { TaskPhase } from "../../../schema/Task.ts"
import { abort, abortMillis } from "../dispatch/Attempts.ts"
import { draft } from "../LaneEvolve.ts"
import { type Held, held, type LaneState, phaseOf, unheldPlace, waiting } from "../LaneState.ts"
import { unheld } from "../backlog/BacklogWindow.ts"

export const lookupsMax = 1_024
/** Lookups at which cancels by message are refused. It is far above the other bound: their sender does not wait. */
const lookupsOfMessages = 16_384
const cancelsMax = 1_000

export const cancel = (
  state: LaneState,
  { reason, taskId }: { readonly taskId: TaskId; readonly reason?: string },
  { now }: DecideContext
): Decision<LaneEvent, { readonly taskId: TaskId; readonly phase: TaskPhase }, NotFound | Conflict> => {
  const found = held(state, taskId)
  if (found !== undefined) {
    const { event, sends } = cancelHeld(state, found, reason, now)
    return accept(
      event === undefined ? [] : [event],
      {
        taskId,
        phase: found.where === "running" ? ("running" as const) : ("cancelled" as const)
      },
      sends
    )
  }
  if (unheld(state.pending) + unheld(state.scheduled) === 0) {
    return refuse(
      new NotFound({
        kind: "task",
        id: taskId,
        message: `lane ${state.lane} has no task ${taskId} that waits or runs; it may have ended`
      })
    )
  }
  if (state.lookups.some((lookup) => lookup.taskId === taskId && lookup.want === "cancel")) {
    return accept([], { taskId, phase: "pending" })
  }
  if (state.lookups.length >= lookupsMax) {
    return refuse(new Conflict({ message: `lane ${state.lane} is still looking up ${lookupsMax} tasks; try again` }))
  }
  const { lane, tenantId } = state
  const lookup = { taskId, want: "cancel" as const, ...(reason === undefined ? {} : { reason }) }
  return accept([{ _tag: "lane.internal_lookup_asked", tenantId, lane, at: now, lookups: [lookup] }], {
    taskId,
    phase: "pending"
  })
}

/**
 * Cancels the tasks of a message: those held at once, and of the others the rows are looked up. A task that has ended,
 * or that never was, is passed over.
 */
export const cancelTasks = (
  state: LaneState,
  { reason, taskIds }: { readonly taskIds: ReadonlyArray<TaskId>; readonly reason?: string },
  { now }: DecideContext
): Decision<LaneEvent, void, Conflict> => {
  const { lane, tenantId } = state
  const change = draft(state)
  const sought = new Set(state.lookups.flatMap(({ taskId, want }) => (want === "cancel" ? [taskId] : [])))
  const mayBeElsewhere = unheld(state.pending) + unheld(state.scheduled) > 0
  const lookups: Array<Lookup> = []
  for (const taskId of new Set(taskIds)) {
    const found = held(state, taskId)
    if (found !== undefined) {
      const { event, sends } = cancelHeld(change.state, found, reason, now)
      if (event !== undefined) change.emit(event)
      sends.forEach((message) => change.send(message))
    } else if (mayBeElsewhere && !sought.has(taskId)) {
      lookups.push({ taskId, want: "cancel", ...(reason === undefined ? {} : { reason }) })
    }
  }
  if (state.lookups.length + lookups.length > lookupsOfMessages) {
    return refuse(new Conflict({ message: `lane ${lane} is still looking up ${state.lookups.length} tasks` }))
  }
  if (lookups.length > 0) change.emit({ _tag: "lane.internal_lookup_asked", tenantId, lane, at: now, lookups })
  return change.accept(undefined)
}

/** `found` is the task as it was held; earlier steps of the same decision may have dropped it from memory. */
export const cancelHeld = (
  state: LaneState,
  found: Held,
  reason: string | undefined,
  now: number
): { readonly event: LaneEvent | undefined; readonly sends: ReadonlyArray<Outgoing> } => {
  const { lane, tenantId } = state
  const { taskId } = found.task.task
  const about = { tenantId, lane, taskId, at: now, ...(reason === undefined ? {} : { reason }) }
  if (found.where !== "running") {
    const unheld = unheldPlace(state, found)
    return { event: { _tag: "task.cancelled", ...about, ...(unheld === undefined ? {} : { unheld }) }, sends: [] }
  }
  if (found.task.cancel !== undefined) return { event: undefined, sends: [] }
  return {
    event: { _tag: "lane.internal_cancel_asked", ...about, until: now + abortMillis },
    sends: [abort(state, found.task)]
  }
}

/**
 * Cancels up to `limit` (at most 1,000) of the tasks held. `remaining` counts the tasks of the phases that are left,
 * including those behind the window, which are loaded as it empties: call again until it is 0.
 */
export const cancelWhere = (
  state: LaneState,
  { limit, phases }: { readonly phases: ReadonlyArray<TaskPhase>; readonly limit: number },
  { now }: DecideContext
): Decision<LaneEvent, { readonly cancelled: number; readonly remaining: number }, never> => {
  const wanted = new Set(phases)
  const change = draft(state)
  const most = Math.min(cancelsMax, Math.max(0, limit))
  let remaining = 0
  for (const found of candidates(state)) {
    if (!wanted.has(phaseOf(found)) || (found.where === "running" && found.task.cancel !== undefined)) continue
    if (change.events.length >= most) {
      remaining++
      continue
    }
    const { event, sends } = cancelHeld(change.state, found, undefined, now)
    if (event !== undefined) change.emit(event)
    sends.forEach((message) => change.send(message))
  }
  if (wanted.has("pending")) remaining += unheld(state.pending)
  if (wanted.has("scheduled") || wanted.has("retrying")) remaining += unheld(state.scheduled)
  return change.accept({ cancelled: change.events.length, remaining })
}

function* candidates(state: LaneState): Generator<Held> {
  yield* waiting(state)
  for (const task of HashMap.values(state.running)) yield { where: "running", task }
}
