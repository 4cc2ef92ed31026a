/**
 * The signals that the activities of an Instance report, and the decisions on them. `start` identifies the supervision
 * that reports; signals of an earlier supervision are ignored.
 */
import { HashMap, Option } from "effect"
import type { DecideContext, Decision } from "../../actor/Actor.ts"
import { note } from "../../actor/Actor.ts"
import { sendTo } from "../../actor/Send.ts"
import { AttemptEnded } from "../../rpc/AttemptRpcs.ts"
import type { InstanceEvent, ProgressKind, Verdict } from "../../schema/events/InstanceEvents.ts"
import { bounds, cut, gatewayBounds } from "../../schema/text/Bounds.ts"
import type { InstanceRef } from "../../instances/InstanceDriver.ts"
import { type HealthSignal, onHealthSignal, setHealth } from "./HealthSignals.ts"
import { warmLimitOf } from "./InstancePolicy.ts"
import { type InstanceRecord, type InstanceState, isRegistered } from "./InstanceState.ts"
import { beginDrain, finishStop, loseGateway, stopWhenDrained } from "./LifecycleTransitions.ts"
import { type BoardReport, onBoardReport } from "./board/BoardReports.ts"
import { runFields } from "./runs/RunFields.ts"
import { onWeighed, type Weighed } from "./slots/TenantWeights.ts"
import { about, draft, endRun, type InstanceDraft, refuseAttempt, type RunOutcome } from "./runs/RunTransitions.ts"

export type LifeSignal =
  | { readonly _tag: "Started"; readonly start: number; readonly ref: InstanceRef }
  | { readonly _tag: "Ready"; readonly start: number; readonly version: string; readonly bootId: string }
  | { readonly _tag: "SlotsOpened"; readonly start: number }
  | { readonly _tag: "StartFailed"; readonly start: number; readonly reason: string; readonly retryable: boolean }
  | { readonly _tag: "Exited"; readonly start: number; readonly reason: string }
  | HealthSignal
  /** The instance has another share of the deployment's cap, or none any more. */
  | { readonly _tag: "Shared"; readonly start: number; readonly share?: number }
  /** The instance was deregistered while no runner owned it. */
  | { readonly _tag: "Retired"; readonly start: number }
  | { readonly _tag: "Stopped"; readonly start: number }
  | { readonly _tag: "Erased"; readonly start: number; readonly left?: string }
  | { readonly _tag: "StopFailed"; readonly start: number; readonly reason: string }

export type RunSignal =
  | {
      readonly _tag: "RunProgress"
      readonly runId: string
      readonly kind: ProgressKind
      readonly text?: string
      readonly tool?: string
    }
  | { readonly _tag: "RunEnded"; readonly runId: string; readonly outcome: RunOutcome; readonly verdict: Verdict }
  | { readonly _tag: "SteerEnded"; readonly runId: string; readonly steerKey: string; readonly refused?: string }

export type InstanceSignal = LifeSignal | RunSignal | BoardReport | Weighed

type InstanceDecision = Decision<InstanceEvent, void, never>

export const decideSignal = (
  state: InstanceState,
  signal: InstanceSignal,
  { now }: DecideContext
): InstanceDecision => {
  const { record } = state
  if (record === undefined) return note([])
  if (signal._tag === "BoardReport") return onBoardReport(state, record, signal, now)
  if (signal._tag === "Weighed") return onWeighed(state, signal, now)
  if ("runId" in signal) return onRunSignal(state, record, signal, now)
  if (signal.start !== record.start) return note([])
  const change = draft(state)
  if (signal._tag === "Retired") onRetired(change, record, now)
  else if (signal._tag === "Erased") onErased(change, record, signal)
  else if (record.drain === "stopping") onStopSignal(change, signal)
  else if (isSupervised(record)) onLifeSignal(change, record, signal, now)
  return change.accept(undefined)
}

/** Whether a supervision activity is running in this state. */
export const isSupervised = ({ drain, phase, restartAt }: InstanceRecord): boolean =>
  restartAt === undefined &&
  drain !== "stopping" &&
  (phase === "provisioning" || phase === "warming" || phase === "warm" || phase === "claimed" || phase === "draining")

/**
 * Acts like a forced deregistration. A failed instance is deregistered at once: its clean-up has ended, so nothing of
 * it is left.
 */
const onRetired = (change: InstanceDraft, record: InstanceRecord, now: number): void => {
  if (!isRegistered(record)) return
  if (record.phase === "failed") return change.emit({ _tag: "instance.deregistered", ...about(record) })
  beginDrain(change, "deregister", now, now)
}

const onErased = (
  change: InstanceDraft,
  record: InstanceRecord,
  { left }: Extract<LifeSignal, { readonly _tag: "Erased" }>
): void => {
  if (record.phase !== "destroyed" || record.erased === true) return
  change.emit({
    _tag: "instance.internal_erased",
    ...about(record),
    ...(left === undefined ? {} : { left: cut(left, bounds.reason) })
  })
}

const onStopSignal = (change: InstanceDraft, signal: LifeSignal): void => {
  if (signal._tag === "Stopped") finishStop(change)
  else if (signal._tag === "StopFailed") {
    change.emit({
      _tag: "instance.failed",
      ...about(change.state.record!),
      reason: `could not be stopped: ${signal.reason}`
    })
  }
}

const onLifeSignal = (change: InstanceDraft, record: InstanceRecord, signal: LifeSignal, now: number): void => {
  switch (signal._tag) {
    case "Started": {
      const { adopted, incarnation, lifelineMillis, url } = signal.ref
      const isSame =
        record.incarnation === incarnation && record.url === url && record.lifelineMillis === lifelineMillis
      if (isSame && record.phase !== "provisioning") return
      return change.emit({
        _tag: "instance.internal_started",
        ...about(record),
        url,
        incarnation,
        adopted,
        ...(lifelineMillis === undefined ? {} : { lifelineMillis }),
        deadlineAt: now + warmLimitOf(record.spec.supervision)
      })
    }
    case "Ready": {
      if (record.phase === "provisioning") return
      const bootId = cut(signal.bootId, gatewayBounds.id)
      const version = cut(signal.version, bounds.version)
      const known = record.phase !== "warming" && record.bootId === bootId && record.version === version
      if (known) return setHealth(change, "healthy")
      return change.emit({ _tag: "instance.ready", ...about(record), version, bootId, at: now })
    }
    case "SlotsOpened":
      if (record.grantsSlots !== true) change.emit({ _tag: "instance.internal_slots_opened", ...about(record) })
      return
    case "Shared": {
      const share = signal.share === undefined ? {} : { share: signal.share }
      if (record.share !== signal.share) {
        change.emit({ _tag: "instance.internal_share_set", ...about(record), ...share })
      }
      return
    }
    case "StartFailed":
      return loseGateway(change, { reason: signal.reason, retryable: signal.retryable, fresh: false }, now)
    case "Exited":
      return loseGateway(change, { reason: signal.reason, retryable: true, fresh: false }, now)
    case "ProbeFailed":
    case "LinkDown":
    case "LinkUnsteady":
    case "Sound":
    case "Heartbeat":
      return onHealthSignal(change, record, signal, now)
    case "Retired":
    case "Stopped":
    case "StopFailed":
    case "Erased":
      return
  }
}

const onRunSignal = (
  state: InstanceState,
  { spec: { instanceId } }: InstanceRecord,
  signal: RunSignal,
  now: number
): InstanceDecision => {
  const run = Option.getOrUndefined(HashMap.get(state.runs, signal.runId))
  if (run === undefined) return note([])
  switch (signal._tag) {
    case "RunProgress":
      return note([
        {
          _tag: run.attempt.taskId === undefined ? "session.turn_progress" : "task.progress",
          ...runFields(instanceId, run.attempt),
          kind: signal.kind,
          ...(signal.text === undefined ? {} : { text: signal.text }),
          ...(signal.tool === undefined ? {} : { tool: signal.tool })
        }
      ])
    case "RunEnded": {
      const change = draft(state)
      endRun(change, run, signal.outcome, signal.verdict, now)
      stopWhenDrained(change, now)
      return change.accept(undefined)
    }
    case "SteerEnded": {
      const steering = run.steerings.find(({ steerKey }) => steerKey === signal.steerKey)
      if (steering === undefined) return note([])
      const change = draft(state)
      change.emit({ _tag: "run.internal_steer_ended", runId: run.runId, steerKey: steering.steerKey })
      const { origin, steerKey: runKey } = steering
      if (origin === undefined) return change.accept(undefined)
      if (signal.refused === undefined) {
        const outcome = { _tag: "completed" as const, result: { text: "", durationMillis: 0 } }
        change.send(sendTo(origin, AttemptEnded, { runKey, instanceId, outcome }))
      } else refuseAttempt(change, instanceId, { origin, runKey }, { reason: signal.refused, retryAfterMillis: 0 })
      return change.accept(undefined)
    }
  }
}
