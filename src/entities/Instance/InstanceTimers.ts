/** The timers of an Instance and what each of them does. Every phase that waits has a timer (G14). */
import { HashMap } from "effect"
import type { DecideContext, Decision, Timer } from "../../actor/Actor.ts"
import type { InstanceEvent } from "../../schema/events/InstanceEvents.ts"
import * as Breaker from "./Breaker.ts"
import { guardSlack, guardStep } from "./InstancePolicy.ts"
import { type InstanceRecord, type InstanceState, isRegistered, type Run } from "./InstanceState.ts"
import {
  beginDrain,
  beginStart,
  beginStopping,
  giveUp,
  instanceFailed,
  loseGateway,
  stopWhenDrained
} from "./LifecycleTransitions.ts"
import { countAt } from "./slots/SlotShares.ts"
import { overdue } from "./runs/QueuedRuns.ts"
import { about, abortRun, draft, endAllRuns, endRun, type InstanceDraft } from "./runs/RunTransitions.ts"

const phaseAt = ({ deadlineAt, restartAt }: InstanceRecord): number | undefined => restartAt ?? deadlineAt

/**
 * Unix milliseconds at which the actor aborts a run that the gateway should have ended, or ends a run that could not be
 * aborted.
 */
const overdueAt = (run: Run): number => run.abort?.deadlineAt ?? run.deadlineAt + guardSlack

const known = new WeakMap<InstanceState, ReadonlyArray<Timer>>()

export const timers = (state: InstanceState): ReadonlyArray<Timer> => {
  let timers = known.get(state)
  if (timers === undefined) known.set(state, (timers = timersOf(state)))
  return timers
}

const timersOf = ({ breaker, queued, record, runs, slots }: InstanceState): ReadonlyArray<Timer> => {
  const due: Array<Timer> = []
  const phase = record === undefined ? undefined : phaseAt(record)
  if (phase !== undefined) due.push({ key: "phase", at: phase })
  if (breaker.state === "open") due.push({ key: "breaker", at: breaker.until! })
  let first = Infinity
  for (const run of HashMap.values(runs)) first = Math.min(first, overdueAt(run))
  const waiting = HashMap.reduce(queued, Infinity, (soonest, { until }) => Math.min(soonest, until))
  if (waiting < Infinity) due.push({ key: "queue", at: waiting })
  const count = countAt(slots)
  if (count < Infinity && isRegistered(record)) due.push({ key: "slots", at: count })
  if (first < Infinity) due.push({ key: "runs", at: Math.ceil(first / guardStep) * guardStep })
  return due
}

export const onTimer = (
  state: InstanceState,
  key: string,
  { now }: DecideContext
): Decision<InstanceEvent, void, never> => {
  const change = draft(state)
  if (state.record !== undefined) {
    if (key === "phase" && (phaseAt(state.record) ?? Infinity) <= now) onPhaseOver(change, state.record, now)
    if (key === "runs") onOverdueRuns(change, now)
    if (key === "queue") for (const event of overdue(state, now)) change.emit(event)
    if (key === "slots") change.emit({ _tag: "instance.internal_slots_counted", ...about(state.record), at: now })
    if (key === "breaker" && Breaker.onTime(state.breaker, now) !== state.breaker) {
      change.emit({ _tag: "instance.breaker_half_open", ...about(state.record) })
    }
  }
  return change.accept(undefined)
}

const onPhaseOver = (change: InstanceDraft, record: InstanceRecord, now: number): void => {
  if (record.restartAt !== undefined) return beginStart(change, now, { reset: false })
  switch (record.drain) {
    case "waiting":
      return beginDrain(change, record.goal ?? "stop", now, now)
    case "aborting":
      endAllRuns(change, instanceFailed("it was stopped"), now)
      return beginStopping(change, record.goal ?? "stop", now)
    case "stopping":
      return giveUp(change, "the gateway did not stop in time", now)
    case undefined: {
      const what = record.phase === "warming" ? "did not accept a connection" : "did not start"
      return loseGateway(change, { reason: `the gateway ${what} in time`, retryable: true, fresh: true }, now)
    }
  }
}

const onOverdueRuns = (change: InstanceDraft, now: number): void => {
  for (const run of HashMap.toValues(change.state.runs)) {
    if (overdueAt(run) > now) continue
    if (run.abort === undefined) abortRun(change, run, "timeout", now)
    else endRun(change, run, { _tag: "aborted" }, "neutral", now)
  }
  stopWhenDrained(change, now)
}
