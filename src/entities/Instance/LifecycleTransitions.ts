/**
 * The steps of a gateway's lifecycle: start, restart with backoff, give up, drain, stop. Every step that waits sets a
 * deadline.
 */
import { HashMap } from "effect"
import type { StopGoal } from "../../schema/events/InstanceEvents.ts"
import { bounds, cut } from "../../schema/text/Bounds.ts"
import { abortLimit, planRestart, startLimitOf, stopLimit } from "./InstancePolicy.ts"
import * as SlotBook from "./slots/SlotBook.ts"
import { about, abortRun, endAllRuns, type InstanceDraft } from "./runs/RunTransitions.ts"

export const beginStart = (draft: InstanceDraft, now: number, options: { readonly reset: boolean }): void => {
  const record = draft.state.record!
  draft.emit({
    _tag: "instance.starting",
    ...about(record),
    start: record.start + 1,
    fresh: record.fresh,
    reset: options.reset,
    deadlineAt: now + startLimitOf(record.spec.supervision)
  })
}

export interface Trouble {
  readonly reason: string
  /** Whether the same start may succeed later. */
  readonly retryable: boolean
  /** The gateway may still be running, and must be stopped before the next start. */
  readonly fresh: boolean
}

/**
 * Handles the loss of the gateway: plans a restart or gives up. With a planned restart, runs are kept and reconciled
 * when the gateway is back. A draining instance ends its runs and stops instead.
 */
export const loseGateway = (draft: InstanceDraft, lost: Trouble, now: number): void => {
  const trouble = { ...lost, reason: cut(lost.reason, bounds.errorMessage - 100) }
  const record = draft.state.record!
  if (record.phase === "draining") {
    endAllRuns(draft, instanceFailed(trouble.reason), now)
    return beginStopping(draft, record.goal ?? "stop", now)
  }
  const wasReady = record.phase === "warm" || record.phase === "claimed"
  const plan = planRestart(record.spec, record.recentRestarts, now, { retryable: trouble.retryable, wasReady })
  if (plan._tag === "GiveUp") return giveUp(draft, `${trouble.reason} (${plan.because})`, now)
  draft.emit({ _tag: "instance.unhealthy", ...about(record), reason: trouble.reason })
  draft.emit({
    _tag: "instance.internal_restart_planned",
    ...about(record),
    restartAt: plan.restartAt,
    fresh: trouble.fresh,
    recent: plan.recent
  })
}

export const instanceFailed = (reason: string) => ({
  _tag: "failed" as const,
  error: { code: "InstanceFailed", message: `the instance failed: ${reason}`, retryable: true }
})

export const giveUp = (draft: InstanceDraft, reason: string, now: number): void => {
  endAllRuns(draft, instanceFailed(reason), now)
  draft.emit({ _tag: "instance.failed", ...about(draft.state.record!), reason })
}

/** Stops taking new work. Runs may end until `deadlineAt`; when it has passed already, they are aborted at once. */
export const beginDrain = (draft: InstanceDraft, goal: StopGoal, deadlineAt: number, now: number): void => {
  const record = draft.state.record!
  if (record.drain === "stopping") return beginStopping(draft, goal, now)
  if (record.restartAt !== undefined) endAllRuns(draft, instanceFailed(record.reason ?? "it was restarting"), now)
  const aborting = deadlineAt <= now
  draft.emit({
    _tag: "instance.draining",
    ...about(record),
    goal,
    aborting,
    deadlineAt: aborting ? now + abortLimit : deadlineAt
  })
  if (record.restartAt !== undefined) return beginStopping(draft, goal, now)
  if (aborting) for (const run of HashMap.toValues(draft.state.runs)) abortRun(draft, run, "stopping", now)
  stopWhenDrained(draft, now)
}

export const beginStopping = (draft: InstanceDraft, goal: StopGoal, now: number): void =>
  draft.emit({ _tag: "instance.stopping", ...about(draft.state.record!), goal, deadlineAt: now + stopLimit })

/** An instance has drained when nothing runs there and all of its slots have come back. */
export const stopWhenDrained = (draft: InstanceDraft, now: number): void => {
  const { record, runs, slots } = draft.state
  if (record?.phase !== "draining" || record.drain === "stopping") return
  if (!HashMap.isEmpty(runs) || SlotBook.heldOf(slots) > 0) return
  beginStopping(draft, record.goal ?? "stop", now)
}

const stopReasons: Record<StopGoal, string> = {
  drain: "drained as asked",
  stop: "stopped as asked",
  deregister: "deregistered as asked"
}

/** Records that the gateway has stopped. */
export const finishStop = (draft: InstanceDraft): void => {
  const record = draft.state.record!
  const goal = record.goal ?? "stop"
  draft.emit(
    goal === "deregister"
      ? { _tag: "instance.deregistered", ...about(record) }
      : { _tag: "instance.stopped", ...about(record), reason: stopReasons[goal] }
  )
}
