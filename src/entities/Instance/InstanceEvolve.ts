/** Folds one event into the state of an Instance actor. */
import { HashMap, Option } from "effect"
import type { InstanceEvent, InstanceEventOf } from "../../schema/events/InstanceEvents.ts"
import { bounds, cut } from "../../schema/text/Bounds.ts"
import { afterFailure, afterSuccess, type RecentFailures } from "../../schema/instance/RecentFailures.ts"
import * as Breaker from "./Breaker.ts"
import { latencyWeight } from "./InstancePolicy.ts"
import type { Attempt } from "../../schema/runs/Attempt.ts"
import { heldMost, textLength } from "../../schema/Task.ts"
import { type InstanceState, type Run, runIdOf } from "./InstanceState.ts"
import { onRecord, registered } from "./RecordEvolve.ts"
import { queued, runHolderKey, unqueued } from "./runs/QueuedRuns.ts"
import * as SlotBook from "./slots/SlotBook.ts"
import { onSlots } from "./slots/SlotEvolve.ts"

const onRun = (state: InstanceState, runId: string, change: (run: Run) => Run): InstanceState => {
  const run = HashMap.get(state.runs, runId)
  return Option.isNone(run) ? state : { ...state, runs: HashMap.set(state.runs, runId, change(run.value)) }
}

const wordsOf = ({ error }: InstanceEventOf<"run.ended">): string | undefined =>
  error === undefined ? undefined : cut(`${error.code}: ${error.message}`, bounds.reason)

/**
 * Every failure after which a retry may help elsewhere counts, also those that are not for the breaker (a run that the
 * gateway did not end in its time, a provider that is overloaded): this only orders instances, and closes none.
 */
const failuresAfter = (
  { recentFailures }: InstanceState,
  { at, error, status }: InstanceEventOf<"run.ended">
): RecentFailures | undefined => {
  if (status === "completed") return afterSuccess(recentFailures, at)
  return status === "failed" && error?.retryable === true ? afterFailure(recentFailures, at) : recentFailures
}

const runEnded = (state: InstanceState, event: InstanceEventOf<"run.ended">): InstanceState => {
  const breaker =
    event.verdict === "success"
      ? Breaker.onSuccess(Breaker.profiles.openClawInstance, state.breaker)
      : event.verdict === "failure"
        ? Breaker.onFailure(Breaker.profiles.openClawInstance, state.breaker, event.at, wordsOf(event))
        : state.breaker
  const mean = state.latencyMillis
  const { recentFailures: _, ...rest } = state
  const recentFailures = failuresAfter(state, event)
  const run = Option.getOrUndefined(HashMap.get(state.runs, event.runId))
  return {
    ...rest,
    ...(recentFailures === undefined ? {} : { recentFailures }),
    breaker,
    runs: HashMap.remove(state.runs, event.runId),
    slots:
      run?.ownSlot === true ? SlotBook.wantsLess(state.slots, runHolderKey(run.attempt), 1, event.at) : state.slots,
    ...(event.status === "completed"
      ? {
          latencyMillis:
            mean === undefined
              ? event.durationMillis
              : Math.round((mean + latencyWeight * (event.durationMillis - mean)) * 10) / 10
        }
      : {})
  }
}

/** Up to this many runs, the texts of all runs are kept in memory as they arrived. */
const textsHeld = 256

/**
 * With `textsHeld` or more runs, a long task text is not kept in memory: it is read from the task's row when the run
 * begins.
 */
const heldAttempt = (attempt: Attempt, running: number): Attempt => {
  if (running < textsHeld || attempt.taskId === undefined || textLength(attempt) <= heldMost.running) return attempt
  const { extraSystemPrompt: _, message: __, ...rest } = attempt
  return rest
}

export const evolve = (state: InstanceState, event: InstanceEvent): InstanceState => {
  switch (event._tag) {
    case "instance.registered":
      return {
        record: registered(event),
        breaker: Breaker.closed,
        runs: HashMap.empty(),
        queued: HashMap.empty(),
        slots: SlotBook.empty
      }
    case "instance.internal_slots_asked":
    case "instance.internal_slots_granted":
    case "instance.internal_slots_returned":
    case "instance.internal_slots_recalled":
      return { ...state, slots: onSlots(state.slots, event) }
    case "instance.deregistered": {
      const record = state.record && onRecord(state.record, event)
      return { ...state, ...(record === undefined ? {} : { record }), slots: SlotBook.empty }
    }
    case "run.accepted": {
      const { attempt } = event.secret
      const runId = runIdOf(attempt.origin, attempt.runKey)
      const run: Run = {
        runId,
        attempt: heldAttempt(attempt, HashMap.size(state.runs)),
        epoch: event.epoch,
        acceptedAt: event.at,
        deadlineAt: event.deadlineAt,
        ...(event.onSlot === undefined ? {} : { onSlot: event.onSlot }),
        ...(event.ownSlot === undefined ? {} : { ownSlot: event.ownSlot }),
        steerings: []
      }
      return { ...state, runs: HashMap.set(state.runs, runId, run), queued: HashMap.remove(state.queued, runId) }
    }
    case "run.internal_queued":
      return queued(state, event)
    case "run.internal_unqueued":
      return unqueued(state, event)
    case "run.internal_aborting":
      return onRun(state, event.runId, (run) => ({
        ...run,
        abort: { cause: event.cause, deadlineAt: event.deadlineAt }
      }))
    case "run.internal_steered":
      return onRun(state, event.runId, (run) => ({ ...run, steerings: [...run.steerings, event.secret.steering] }))
    case "run.internal_steer_ended":
      return onRun(state, event.runId, (run) => ({
        ...run,
        steerings: run.steerings.filter(({ steerKey }) => steerKey !== event.steerKey)
      }))
    case "run.ended":
      return runEnded(state, event)
    case "task.progress":
    case "session.turn_progress":
    case "instance.breaker_opened":
    case "instance.breaker_closed":
      return state
    case "instance.breaker_half_open":
      return { ...state, breaker: Breaker.halfOpen(state.breaker.because) }
    default: {
      if (state.record === undefined) return state
      const record = onRecord(state.record, event)
      if (event._tag !== "instance.starting" || !event.reset) return { ...state, record }
      const { recentFailures: _, ...rest } = state
      return { ...rest, record, breaker: Breaker.closed }
    }
  }
}
