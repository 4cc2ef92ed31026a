/** Folds one event about an attempt into the state of an Instance actor. */
import { HashMap, Option } from "effect"
import type { InstanceEventOf, RunEnd } from "../../../schema/events/InstanceEvents.ts"
import { bounds, cut } from "../../../schema/text/Bounds.ts"
import { afterFailure, afterSuccess, type RecentFailures } from "../../../schema/instance/RecentFailures.ts"
import * as Breaker from "../Breaker.ts"
import { latencyWeight } from "../InstancePolicy.ts"
import type { Attempt } from "../../../schema/runs/Attempt.ts"
import { heldMost, textLength } from "../../../schema/Task.ts"
import { type InstanceState, type Run, runIdOf } from "../InstanceState.ts"
import { queued, runHolderKey, unqueued } from "./QueuedRuns.ts"
import * as SlotBook from "../slots/SlotBook.ts"

export type RunEvent = InstanceEventOf<
  | "run.accepted"
  | "run.internal_queued"
  | "run.internal_unqueued"
  | "run.internal_aborting"
  | "run.internal_steered"
  | "run.internal_steer_ended"
  | "run.ended"
>

const onRun = (state: InstanceState, runId: string, change: (run: Run) => Run): InstanceState => {
  const run = HashMap.get(state.runs, runId)
  return Option.isNone(run) ? state : { ...state, runs: HashMap.set(state.runs, runId, change(run.value)) }
}

const wordsOf = ({ error }: RunEnd): string | undefined =>
  error === undefined ? undefined : cut(`${error.code}: ${error.message}`, bounds.reason)

/**
 * Every failure after which a retry may help elsewhere counts, also those that are not for the breaker (a run that the
 * gateway did not end in its time, a provider that is overloaded): this only orders instances, and closes none.
 */
const failuresAfter = (
  { recentFailures }: InstanceState,
  { error, status }: RunEnd,
  at: number
): RecentFailures | undefined => {
  if (status === "completed") return afterSuccess(recentFailures, at)
  return status === "failed" && error?.retryable === true ? afterFailure(recentFailures, at) : recentFailures
}

const breakerAfter = ({ breaker }: InstanceState, end: RunEnd, at: number): Breaker.Breaker => {
  const profile = Breaker.profiles.openClawInstance
  if (end.verdict === "success") return Breaker.onSuccess(profile, breaker)
  return end.verdict === "failure" ? Breaker.onFailure(profile, breaker, at, wordsOf(end)) : breaker
}

/** The mean with one more latency, in milliseconds. */
export const meanWith = (mean: number | undefined, millis: number): number =>
  mean === undefined ? millis : Math.round((mean + latencyWeight * (millis - mean)) * 10) / 10

/** What the end of a run says of the gateway. */
const tallied = (state: InstanceState, end: RunEnd, at: number): InstanceState => {
  const { recentFailures: _, ...rest } = state
  const recentFailures = failuresAfter(state, end, at)
  return {
    ...rest,
    ...(recentFailures === undefined ? {} : { recentFailures }),
    breaker: breakerAfter(state, end, at),
    ...(end.status === "completed" ? { latencyMillis: meanWith(state.latencyMillis, end.durationMillis) } : {})
  }
}

/** Whether the end would change what the instance knows of its gateway, beyond the mean latency. */
export const saysMore = ({ breaker, recentFailures }: InstanceState, { status, verdict }: RunEnd): boolean =>
  verdict === "failure" ||
  status === "failed" ||
  breaker.state !== "closed" ||
  breaker.failures > 0 ||
  recentFailures !== undefined

export const attemptsEnded = (
  state: InstanceState,
  { at, ends }: InstanceEventOf<"instance.internal_attempts_ended">
): InstanceState => ends.reduce((next, end) => tallied(next, end, at), state)

const runEnded = (state: InstanceState, event: InstanceEventOf<"run.ended">): InstanceState => {
  const run = Option.getOrUndefined(HashMap.get(state.runs, event.runId))
  return {
    ...tallied(state, event, event.at),
    runs: HashMap.remove(state.runs, event.runId),
    slots: run?.ownSlot === true ? SlotBook.wantsLess(state.slots, runHolderKey(run.attempt), 1, event.at) : state.slots
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

const accepted = (state: InstanceState, event: InstanceEventOf<"run.accepted">): InstanceState => {
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

export const onRuns = (state: InstanceState, event: RunEvent): InstanceState => {
  switch (event._tag) {
    case "run.accepted":
      return accepted(state, event)
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
  }
}
