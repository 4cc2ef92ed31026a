/** Commands on attempts. */
import { HashMap, Option } from "effect"
import type { DecideContext, Decision } from "../../../actor/Actor.ts"
import { accept, answer } from "../../../actor/Actor.ts"
import type { ActorRef } from "../../../schema/ActorRef.ts"
import type { Attempt } from "../../../schema/runs/Attempt.ts"
import { Conflict, NotFound } from "../../../schema/Errors.ts"
import type { InstanceEvent } from "../../../schema/events/InstanceEvents.ts"
import { parseInstanceEntityId } from "../../../schema/Ids.ts"
import type { QueueMode } from "../../../schema/Session.ts"
import { steeringsPerRun } from "../InstancePolicy.ts"
import { findRun, type InstanceState, runIdOf } from "../InstanceState.ts"
import { queue, unqueue } from "./QueuedRuns.ts"
import { runFields } from "./RunFields.ts"
import { abortRun, draft, refusalOf, refuseAttempt } from "./RunTransitions.ts"

type Quiet = Decision<InstanceEvent, void, never>

/**
 * Accepts or refuses the attempt; one without a slot of its origin, or on one of an earlier registration, waits for one
 * where the instance grants them. The origin is notified by message of a refusal, or later of the end. An attempt that
 * is sent again while it runs changes nothing.
 */
export const execute = (
  state: InstanceState,
  { attempt }: { readonly attempt: Attempt },
  { entityId, epoch, now }: DecideContext
): Quiet => {
  const runId = runIdOf(attempt.origin, attempt.runKey)
  if (HashMap.has(state.runs, runId) || HashMap.has(state.queued, runId)) return answer(undefined)
  const { instanceId } = parseInstanceEntityId(entityId)
  const refusal = refusalOf(state, attempt, { instanceId, onSlot: false, now })
  if (refusal !== undefined) {
    const change = draft(state)
    refuseAttempt(change, instanceId, attempt, refusal)
    return change.accept(undefined)
  }
  const chosen = withModel(state, attempt)
  if (state.record?.grantsSlots === true) {
    return accept<InstanceEvent, void>([queue(instanceId, chosen, now)], undefined)
  }
  return accept<InstanceEvent, void>(
    [
      {
        _tag: "run.accepted",
        ...runFields(instanceId, attempt),
        epoch,
        at: now,
        deadlineAt: now + attempt.timeoutMillis,
        secret: { attempt: chosen }
      }
    ],
    undefined
  )
}

/**
 * An attempt that names no model gets the first one that the instance may use, since the gateway's own default may not
 * be among them.
 */
export const withModel = ({ record }: InstanceState, attempt: Attempt): Attempt => {
  const first = record?.spec.allowedModels[0]
  return attempt.model !== undefined || first === undefined ? attempt : { ...attempt, model: first }
}

export const abortAttempt = (
  state: InstanceState,
  { origin, runKey }: { readonly runKey: string; readonly origin?: ActorRef },
  { now }: DecideContext
): Quiet => {
  const run =
    origin === undefined
      ? findRun(state, ({ attempt }) => attempt.runKey === runKey)
      : Option.getOrUndefined(HashMap.get(state.runs, runIdOf(origin, runKey)))
  if (run === undefined) return abortQueued(state, origin, runKey, now)
  const change = draft(state)
  abortRun(change, run, "asked", now)
  return change.accept(undefined)
}

const abortQueued = (state: InstanceState, origin: ActorRef | undefined, runKey: string, now: number): Quiet => {
  const runId = origin === undefined ? "" : runIdOf(origin, runKey)
  return accept<InstanceEvent, void>(
    HashMap.has(state.queued, runId) ? [unqueue(runId, now, "aborted")] : [],
    undefined
  )
}

interface SteerPayload {
  readonly sessionKey: string
  readonly runKey: string
  readonly message: string
  readonly queueMode: QueueMode
  readonly origin?: ActorRef
}

/**
 * Success: the message is in flight into the running turn. Fails with `NotFound` when no turn of the session is
 * running, and with `Conflict` when `steeringsPerRun` messages are already in flight; the origin then also receives
 * `AttemptRefused`.
 */
export const steer = (
  state: InstanceState,
  { message, origin, queueMode, runKey, sessionKey }: SteerPayload,
  { entityId, epoch }: DecideContext
): Decision<InstanceEvent, void, NotFound | Conflict> => {
  const run = findRun(state, ({ abort, attempt }) => attempt.sessionKey === sessionKey && abort === undefined)
  const change = draft(state)
  const decline = <E>(reason: string, error: E): Decision<InstanceEvent, void, E> => {
    const { instanceId } = parseInstanceEntityId(entityId)
    if (origin !== undefined) refuseAttempt(change, instanceId, { origin, runKey }, { reason, retryAfterMillis: 0 })
    return { events: [], answer: { _tag: "Failure", error }, send: change.outgoing }
  }
  if (run === undefined) {
    const reason = "no turn of this session runs here"
    return decline(reason, new NotFound({ kind: "turn", id: sessionKey, message: reason }))
  }
  if (run.steerings.some(({ steerKey }) => steerKey === runKey)) return answer(undefined)
  if (run.steerings.length >= steeringsPerRun) {
    const reason = `${steeringsPerRun} messages are already on their way into this turn`
    return decline(reason, new Conflict({ message: reason }))
  }
  change.emit({
    _tag: "run.internal_steered",
    runId: run.runId,
    secret: {
      steering: { steerKey: runKey, message, queueMode, ...(origin === undefined ? {} : { origin }), epoch }
    }
  })
  return change.accept(undefined)
}
