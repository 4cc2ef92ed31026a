/** Explains in words what a waiting task waits for. */
import { HashMap } from "effect"
import { type DecideContext, type Decision, answer } from "../../../actor/Actor.ts"
import { instantText } from "../../../schema/text/Bounds.ts"
import type { InstanceId, TaskId } from "../../../schema/Ids.ts"
import type { LaneEvent, WaitingTask } from "../../../schema/events/LaneEvents.ts"
import { held, type LaneState, scheduledPhase, startsAllowed } from "../LaneState.ts"
import { size, unheld } from "../backlog/BacklogWindow.ts"
import { askedCount, type TurnLease, turnOf } from "../turns/TurnLease.ts"

interface Explanation {
  readonly waitingFor?: string
  readonly instanceId?: InstanceId
}

export const explain = (
  state: LaneState,
  { taskId }: { readonly taskId: TaskId },
  { now }: DecideContext
): Decision<LaneEvent, Explanation, never> => answer(explanationOf(state, taskId, now))

export const explainMany = (
  state: LaneState,
  { taskIds }: { readonly taskIds: ReadonlyArray<TaskId> },
  { now }: DecideContext
): Decision<LaneEvent, ReadonlyArray<{ readonly taskId: TaskId; readonly waitingFor: string }>, never> =>
  answer(
    taskIds.flatMap((taskId) => {
      const { waitingFor } = explanationOf(state, taskId, now)
      return waitingFor === undefined ? [] : [{ taskId, waitingFor }]
    })
  )

const explanationOf = (state: LaneState, taskId: TaskId, now: number): Explanation => {
  const found = held(state, taskId)
  if (found === undefined) {
    const reasons = unheldReasons(state)
    return reasons.length === 0 ? {} : { waitingFor: reasons.join("; or ") }
  }
  if (found.where === "running") return { instanceId: found.task.instanceId }
  if (found.where === "scheduled") return { waitingFor: scheduled(found.task) }
  const index = state.pending.entries.indexOf(found.task)
  return {
    waitingFor: `${pending(state, found.task, now)} (${index + 1} of ${size(state.pending)} in lane ${state.lane})`
  }
}

/** Of a task that waits behind a window the lane knows only how many do, so it names what either kind waits for. */
const unheldReasons = ({ lane, pending, scheduled }: LaneState): ReadonlyArray<string> => [
  ...(unheld(pending) === 0
    ? []
    : [`those in front of it: ${size(pending)} tasks wait in lane ${lane}, ${notAmong(pending.entries)}`]),
  ...(unheld(scheduled) === 0
    ? []
    : [`its time: ${size(scheduled)} tasks are scheduled in lane ${lane}, ${notAmong(scheduled.entries)}`])
]

const notAmong = ({ length }: ReadonlyArray<unknown>): string => `it is not among the first ${length}`

const scheduled = (task: WaitingTask): string => {
  const time = instantText(task.notBefore ?? 0)
  return scheduledPhase(task) === "retrying"
    ? `its next attempt at ${time}, ${task.attempt} of ${task.maxAttempts} failed`
    : `its time, ${time}`
}

/** What a task waits for that names a session. */
const ofSession = (sessionId: string, lease: TurnLease | undefined): string => {
  if (lease?.step === "denied") return `a turn of session ${sessionId}: ${lease.reason ?? "it grants none now"}`
  return lease?.step === "held"
    ? `a turn of session ${sessionId}, on which another task of the lane runs`
    : `a turn of session ${sessionId}`
}

const pending = (state: LaneState, { task: { sessionId, taskId } }: WaitingTask, now: number): string => {
  const { concurrency, paused, ratePerSecond } = state.config
  const running = HashMap.size(state.running)
  if (paused) return `lane ${state.lane} to be resumed, it is paused`
  const first = state.parked?.[0]
  if (first?.layer !== undefined) return first.reason
  const lease = turnOf(state.turns, sessionId)
  if (sessionId !== undefined && lease !== undefined) return ofSession(sessionId, lease)
  const asked = askedCount(state.turns)
  if (running + asked >= concurrency) {
    const sessions = asked === 0 ? "" : `, and ${asked} wait for their sessions`
    return `a slot: ${running} of ${concurrency} of lane ${state.lane} run${sessions}`
  }
  if (startsAllowed(state, now) < 1) return `the rate of lane ${state.lane}: ${ratePerSecond} starts a second`
  const wait = state.parked?.find(({ taskIds }) => taskIds.includes(taskId)) ?? state.parked?.[0]
  return wait === undefined ? "its turn" : `an instance: ${wait.reason}`
}
