/**
 * How attempts are accepted, aborted and ended. Each accepted attempt ends exactly once, by the event that frees its
 * slot.
 */
import { HashMap } from "effect"
import { sendTo } from "../../../actor/Send.ts"
import { AttemptEnded, AttemptRefused } from "../../../rpc/AttemptRpcs.ts"
import type { ActorRef } from "../../../schema/ActorRef.ts"
import { type Attempt, type AttemptOutcome, sessionOf } from "../../../schema/runs/Attempt.ts"
import type { AbortCause, InstanceEvent, Verdict } from "../../../schema/events/InstanceEvents.ts"
import type { InstanceId } from "../../../schema/Ids.ts"
import { layers } from "../../../schema/Layers.ts"
import { DecisionBuilder } from "../../../actor/DecisionBuilder.ts"
import * as Breaker from "../Breaker.ts"
import { evolve } from "../InstanceEvolve.ts"
import { abortLimit, queuedMost } from "../InstancePolicy.ts"
import { activeSessions, type InstanceRecord, type InstanceState, type Run, takenOf } from "../InstanceState.ts"
import { runFields } from "./RunFields.ts"

export type InstanceDraft = DecisionBuilder<InstanceState, InstanceEvent>
export const draft = (state: InstanceState): InstanceDraft => new DecisionBuilder(evolve, state)

/** `refused`: nothing of the attempt ran, and its origin may place it elsewhere at once. */
export type RunOutcome = AttemptOutcome | { readonly _tag: "refused"; readonly reason: string }

interface Asking {
  /** That of the record when absent. */
  readonly instanceId?: InstanceId
  readonly onSlot: boolean
  readonly now: number
  readonly others?: number
}

export interface Refusal {
  readonly reason: string
  readonly retryAfterMillis: number
  /** The instance itself is the cause, so another one is to be tried first. */
  readonly atFault?: true
}

/**
 * Why an attempt cannot be taken now; undefined when it can. An attempt that is not on a slot waits for one where the
 * instance grants them, and is refused where all are taken otherwise (I6). `others`: attempts under way on slots of
 * their origins.
 */
export const refusalOf = (
  state: InstanceState,
  attempt: Attempt,
  { instanceId, now, onSlot, others = 0 }: Asking
): Refusal | undefined => {
  const { breaker, record, runs } = state
  const layer = layers.instance(instanceId ?? record?.spec.instanceId ?? "")
  if (record === undefined || record.phase === "destroyed") {
    return { reason: `${layer} is not registered`, retryAfterMillis: 5_000 }
  }
  const { spec } = record
  const underWay = HashMap.size(runs) + others
  if (record.phase !== "warm" && record.phase !== "claimed") {
    return { reason: `${layer} is ${record.phase}`, retryAfterMillis: 2_000 }
  }
  if (spec.tenancy._tag === "dedicated" && spec.tenancy.tenantId !== attempt.tenantId) {
    return { reason: `${layer} belongs to another tenant`, retryAfterMillis: 60_000 }
  }
  if (record.health === "unhealthy") {
    const reason = `${layer} is unhealthy: ${record.reason ?? "no reason known"}`
    return { reason, retryAfterMillis: 2_000, atFault: true }
  }
  if (!Breaker.admits(Breaker.profiles.openClawInstance, breaker, underWay)) {
    const retryAfterMillis = Math.max(500, (breaker.until ?? now) - now)
    return { reason: `the circuit breaker of ${layer} is ${breaker.state}`, retryAfterMillis, atFault: true }
  }
  if (attempt.model !== undefined && spec.allowedModels.length > 0 && !spec.allowedModels.includes(attempt.model)) {
    return { reason: `${layer} may not use model ${attempt.model}`, retryAfterMillis: 60_000 }
  }
  if (!onSlot && record.grantsSlots !== true && takenOf(state) >= spec.maxConcurrentTasks) {
    return { reason: `all ${spec.maxConcurrentTasks} slots of the instance are taken`, retryAfterMillis: 250 }
  }
  if (!onSlot && HashMap.size(state.queued) >= queuedMost) {
    return { reason: `${queuedMost} attempts wait for a slot of ${layer} already`, retryAfterMillis: 2_000 }
  }
  if (sessionOf(attempt) !== undefined) {
    const sessions = activeSessions(state)
    if (sessions.size >= spec.maxConcurrentSessions && !sessions.has(attempt.sessionKey)) {
      return { reason: `all ${spec.maxConcurrentSessions} sessions of ${layer} are taken`, retryAfterMillis: 250 }
    }
  }
  return undefined
}

export const about = ({ spec }: InstanceRecord) => ({
  instanceId: spec.instanceId,
  ...(spec.tenancy._tag === "dedicated" ? { tenantId: spec.tenancy.tenantId } : {})
})

export const refuseAttempt = (
  draft: InstanceDraft,
  instanceId: InstanceId,
  attempt: { readonly origin: ActorRef; readonly runKey: string },
  refusal: Refusal
): void => draft.send(sendTo(attempt.origin, AttemptRefused, { runKey: attempt.runKey, instanceId, ...refusal }))

const failed = (code: string, message: string): AttemptOutcome => ({
  _tag: "failed",
  error: { code, message, retryable: true }
})

/**
 * The outcome of an aborted run: a cancellation when its owner asked for it, otherwise a failure that may be retried.
 */
const abortedOutcomes: Record<AbortCause, AttemptOutcome> = {
  asked: { _tag: "aborted" },
  stopping: failed("InstanceStopped", "the instance stopped before the attempt ended"),
  timeout: failed("AttemptTimeout", "the attempt's time was over and the gateway had not ended it")
}

/** Of an attempt that was taken, and could not be sent to the gateway. */
export const refusalAfter = (reason: string): Refusal => ({ reason, retryAfterMillis: 1_000, atFault: true })

/** A gateway that does not end an overdue run has failed; other aborts say nothing about the gateway. */
export const verdictOf = (aborted: AbortCause | undefined, verdict: Verdict): Verdict => {
  if (aborted === undefined) return verdict
  return aborted === "timeout" ? "failure" : "neutral"
}

export const outcomeOf = (aborted: AbortCause | undefined, ended: RunOutcome): RunOutcome =>
  aborted !== undefined && ended._tag !== "completed" ? abortedOutcomes[aborted] : ended

/**
 * Frees the slot and reports the end to the origin. Messages still in flight into the run are refused. Records the
 * opening or closing of the breaker when this end causes it.
 */
export const endRun = (draft: InstanceDraft, run: Run, ended: RunOutcome, verdict: Verdict, now: number): void => {
  const { spec } = draft.state.record!
  const cause = run.abort?.cause
  const outcome = outcomeOf(cause, ended)
  const before = draft.state.breaker.state
  draft.emit({
    _tag: "run.ended",
    ...runFields(spec.instanceId, run.attempt),
    runId: run.runId,
    status: outcome._tag,
    durationMillis: Math.max(0, now - run.acceptedAt),
    ...(outcome._tag === "failed" ? { error: outcome.error } : {}),
    ...(outcome._tag === "completed" && outcome.result.usage !== undefined ? { usage: outcome.result.usage } : {}),
    verdict: verdictOf(cause, verdict),
    at: now
  })
  if (outcome._tag === "refused") {
    refuseAttempt(draft, spec.instanceId, run.attempt, refusalAfter(outcome.reason))
  } else {
    const { origin, runKey } = run.attempt
    draft.send(sendTo(origin, AttemptEnded, { runKey, instanceId: spec.instanceId, outcome }))
  }
  for (const { origin, steerKey } of run.steerings) {
    if (origin === undefined) continue
    refuseAttempt(
      draft,
      spec.instanceId,
      { origin, runKey: steerKey },
      {
        reason: "the turn ended before the message reached it",
        retryAfterMillis: 0
      }
    )
  }
  noteBreaker(draft, before)
}

/** Why an instance with good probes is degraded: its runs fail. */
export const failing = ({ because }: Breaker.Breaker): string =>
  `runs fail at this gateway one after the other${because === undefined ? "" : `, the last one with ${because}`}`

export const noteBreaker = (draft: InstanceDraft, before: Breaker.Breaker["state"]): void => {
  const { breaker, record } = draft.state
  if (breaker.state === before) return
  if (breaker.state === "open") {
    draft.emit({ _tag: "instance.breaker_opened", ...about(record!), until: breaker.until! })
    if (record!.health === "healthy")
      draft.emit({ _tag: "instance.degraded", ...about(record!), reason: failing(breaker) })
  } else if (breaker.state === "closed") draft.emit({ _tag: "instance.breaker_closed", ...about(record!) })
}

export const abortRun = (draft: InstanceDraft, run: Run, cause: AbortCause, now: number): void => {
  if (run.abort !== undefined) return
  draft.emit({ _tag: "run.internal_aborting", runId: run.runId, cause, deadlineAt: now + abortLimit })
}

export const endAllRuns = (draft: InstanceDraft, outcome: RunOutcome, now: number): void => {
  for (const run of HashMap.toValues(draft.state.runs)) endRun(draft, run, outcome, "neutral", now)
}
