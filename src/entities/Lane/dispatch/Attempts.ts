/**
 * How attempts end. A report counts only for the attempt that runs now (same run key, same instance). A late report of
 * an earlier attempt changes nothing, so a completion is applied once (I3).
 *
 * An attempt without any report within its timeout and a grace period is lost: the lane asks the instance to abort it
 * and counts it as failed. The abort is only a request; the next attempt carries another run key, and later reports of
 * the lost one are ignored.
 */
import { HashMap } from "effect"
import { accept, type DecideContext, type Decision, note, type Outgoing } from "../../../actor/Actor.ts"
import { send } from "../../../actor/Send.ts"
import type { AttemptOutcome } from "../../../schema/runs/Attempt.ts"
import type { LaneEvent } from "../../../schema/events/LaneEvents.ts"
import { type InstanceId, instanceEntityId } from "../../../schema/Ids.ts"
import type { TaskError } from "../../../schema/Task.ts"
import { Instance } from "../../Instance.ts"
import { laneRef } from "../LaneRefs.ts"
import { type LaneState, type RunningTask, runKeyOf, runningOf } from "../LaneState.ts"
import { stopTold } from "../slots/SlotRuns.ts"
import { backoffMillis } from "./Retry.ts"

/**
 * Added to the timeout of an attempt, for the messages to and from the instance, and for an instance that changes its
 * owner.
 */
export const graceMillis = 30_000
/** How long an instance may take to confirm an abort. */
export const abortMillis = 30_000
/** Maximum attempts settled by one timer. */
const lostMax = 256
const busyMillis = { least: 5, most: 60_000 }

interface Ended {
  readonly runKey: string
  readonly instanceId: InstanceId
  readonly outcome: AttemptOutcome
}

interface Refused {
  readonly runKey: string
  readonly instanceId: InstanceId
  readonly reason: string
  readonly retryAfterMillis: number
  readonly atFault?: boolean
}

const attemptOf = (state: LaneState, { instanceId, runKey }: Ended | Refused): RunningTask | undefined => {
  const running = runningOf(state, runKey.slice(0, runKey.lastIndexOf(".")))
  return running !== undefined && running.instanceId === instanceId && runKeyOf(running) === runKey
    ? running
    : undefined
}

export const attemptEnded = (
  state: LaneState,
  payload: Ended,
  { now }: DecideContext
): Decision<LaneEvent, void, never> => {
  const running = attemptOf(state, payload)
  return accept(
    running === undefined ? over(state, payload, now) : [settle(state, running, payload.outcome, now)],
    undefined
  )
}

/** The instance says that an attempt which the lane gave up is over: its slot is free. */
const over = (state: LaneState, { instanceId, runKey }: Ended | Refused, now: number): ReadonlyArray<LaneEvent> =>
  HashMap.has(state.givenUp, runKey)
    ? [{ _tag: "lane.internal_given_up_over", ...ofLane(state, now), instanceId, runKeys: [runKey] }]
    : []

export const attemptRefused = (
  state: LaneState,
  payload: Refused,
  { now }: DecideContext
): Decision<LaneEvent, void, never> => {
  const running = attemptOf(state, payload)
  if (running === undefined) return accept(over(state, payload, now), undefined)
  if (running.cancel !== undefined) return accept([cancelled(state, running, now)], undefined)
  const busy = Math.min(busyMillis.most, Math.max(busyMillis.least, payload.retryAfterMillis))
  return accept(
    [
      {
        _tag: "task.requeued",
        ...about(state, running, now),
        reason: payload.reason,
        busyUntil: now + busy,
        ...(payload.atFault === true ? { atFault: true } : {})
      }
    ],
    undefined
  )
}

export const abort = (state: LaneState, running: RunningTask): Outgoing => {
  if (running.onSlot === true) return stopTold(state, running)
  return send(Instance, instanceEntityId(running.placement, running.instanceId), "AbortAttempt", {
    runKey: runKeyOf(running),
    origin: laneRef(state)
  })
}

/** Handles the timer of running attempts. */
export const settleLost = (state: LaneState, { now }: DecideContext): Decision<LaneEvent, void, never> => {
  const events: Array<LaneEvent> = []
  const aborts: Array<Outgoing> = []
  let next = Infinity
  for (const running of HashMap.values(state.running)) {
    if (running.until > now || events.length === lostMax) {
      next = Math.min(next, running.until)
      continue
    }
    aborts.push(abort(state, running))
    const event = running.cancel === undefined ? lost(state, running, now) : cancelled(state, running, now)
    events.push({ ...event, givenUp: true } as LaneEvent)
  }
  if (next < Infinity) events.push({ _tag: "lane.internal_watch_moved", ...ofLane(state, now), until: next })
  return note(events, aborts)
}

const ofLane = ({ lane, tenantId }: LaneState, at: number) => ({ tenantId, lane, at })

const about = (state: LaneState, { attempt, instanceId, task }: RunningTask, now: number) => ({
  ...ofLane(state, now),
  taskId: task.taskId,
  attempt,
  instanceId
})

/** No further report of the attempt is expected. It counts as failed. */
export const attemptLost = (
  state: LaneState,
  running: RunningTask,
  message: string,
  now: number,
  retryable = true
): LaneEvent => failure(state, running, { code: "AttemptLost", message, retryable }, now)

const lost = (state: LaneState, running: RunningTask, now: number): LaneEvent => {
  const { instanceId, startedAt, until } = running
  const message = `nothing was heard of the attempt on ${instanceId} within ${until - startedAt} ms`
  return attemptLost(state, running, message, now)
}

const cancelled = (state: LaneState, { cancel, task }: RunningTask, now: number): LaneEvent => ({
  _tag: "task.cancelled",
  ...ofLane(state, now),
  taskId: task.taskId,
  ...(cancel?.reason === undefined ? {} : { reason: cancel.reason })
})

/** A task that completes before its cancel reaches it is completed. */
const settle = (state: LaneState, running: RunningTask, outcome: AttemptOutcome, now: number): LaneEvent => {
  if (outcome._tag === "completed") {
    return { _tag: "task.completed", ...about(state, running, now), result: outcome.result }
  }
  if (running.cancel !== undefined) return cancelled(state, running, now)
  return failure(
    state,
    running,
    outcome._tag === "failed"
      ? outcome.error
      : { code: "Aborted", message: `the attempt was aborted on ${running.instanceId}`, retryable: true },
    now
  )
}

/**
 * Failed attempts since the task was submitted or last replayed, this one included: what is spent of its budget. A
 * replay raises `maxAttempts` by a budget above the attempts so far, and each lost instance raises it by one.
 */
const failedOf = ({ attempt, maxAttempts, task }: RunningTask): number => task.retry.maxAttempts - maxAttempts + attempt

const failure = (state: LaneState, running: RunningTask, error: TaskError, now: number): LaneEvent => {
  const { attempt, maxAttempts, task } = running
  if (!error.retryable) {
    return { _tag: "task.failed", ...ofLane(state, now), taskId: task.taskId, error }
  }
  if (attempt < maxAttempts) {
    const notBefore = now + backoffMillis(task.retry, failedOf(running), runKeyOf(running))
    return { _tag: "task.retrying", ...about(state, running, now), notBefore, error }
  }
  return {
    _tag: "task.dead_lettered",
    ...about(state, running, now),
    error,
    priority: task.priority,
    budget: task.retry.maxAttempts
  }
}
