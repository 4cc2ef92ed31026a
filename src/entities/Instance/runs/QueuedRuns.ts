/**
 * Attempts without a slot of their origin: turns, and tasks of lanes that an older runner serves. Each takes a slot for
 * its one run, in the order in which slots are granted, and waits here for it. So a turn comes before the next task of
 * its tenant, and no tenant's turns before another tenant's share.
 */
import { HashMap } from "effect"
import type { DecideContext, Outgoing } from "../../../actor/Actor.ts"
import { sendTo, tellTo } from "../../../actor/Send.ts"
import { AttemptEnded, AttemptRefused, AttemptWaits } from "../../../rpc/AttemptRpcs.ts"
import { type Attempt, sessionOf } from "../../../schema/runs/Attempt.ts"
import type { InstanceEvent, InstanceEventOf } from "../../../schema/events/InstanceEvents.ts"
import type { InstanceId } from "../../../schema/Ids.ts"
import { layers } from "../../../schema/Layers.ts"
import { queuedLimit, turnHeadStart } from "../InstancePolicy.ts"
import { type InstanceState, runIdOf } from "../InstanceState.ts"
import * as SlotBook from "../slots/SlotBook.ts"
import { runFields } from "./RunFields.ts"

/** The holder of slots for single runs of this origin. It is another one than the origin with its own slots. */
export const runHolderKey = ({ origin }: Attempt): string => `${SlotBook.holderKey(origin)}#run`

export const queue = (
  instanceId: InstanceId,
  attempt: Attempt,
  now: number
): InstanceEventOf<"run.internal_queued"> => ({
  _tag: "run.internal_queued",
  ...runFields(instanceId, attempt),
  at: now,
  until: now + queuedLimit,
  secret: { attempt }
})

export const unqueue = (
  runId: string,
  now: number,
  why: "aborted" | { readonly reason: string; readonly retryAfterMillis: number }
): InstanceEventOf<"run.internal_unqueued"> => ({
  _tag: "run.internal_unqueued",
  runId,
  at: now,
  ...(why === "aborted" ? {} : { refusal: why })
})

/** Folds the queueing of an attempt. */
export const queued = (
  state: InstanceState,
  { at, secret, until }: InstanceEventOf<"run.internal_queued">
): InstanceState => {
  const { attempt } = secret
  const key = runHolderKey(attempt)
  const known = SlotBook.holderOf(state.slots, key)
  const rank = sessionOf(attempt) === undefined ? at : at - turnHeadStart
  const ask = {
    holder: attempt.origin,
    key,
    tenantId: attempt.tenantId,
    want: (known?.want ?? 0) + 1,
    rank: Math.min(known?.rank ?? Infinity, rank),
    forOneRun: true
  }
  return {
    ...state,
    queued: HashMap.set(state.queued, runIdOf(attempt.origin, attempt.runKey), { attempt, until }),
    slots: SlotBook.asked(state.slots, ask, at)
  }
}

/** Folds that an attempt waits no more. */
export const unqueued = (
  state: InstanceState,
  { at, runId }: InstanceEventOf<"run.internal_unqueued">
): InstanceState => {
  const found = HashMap.get(state.queued, runId)
  return found._tag === "None"
    ? state
    : {
        ...state,
        queued: HashMap.remove(state.queued, runId),
        slots: SlotBook.wantsLess(state.slots, runHolderKey(found.value.attempt), 0, at)
      }
}

/** The attempts that begin on the slots that were just granted to single runs, first come first served. */
export const begun = (
  { queued, record }: InstanceState,
  granted: ReadonlyArray<{ readonly key: string; readonly count: number }>,
  { epoch, now }: Pick<DecideContext, "epoch" | "now">
): ReadonlyArray<InstanceEvent> => {
  const left = new Map(granted.map(({ count, key }) => [key, count]))
  const waiting = HashMap.toValues(queued).toSorted((a, b) => a.until - b.until)
  return waiting.flatMap(({ attempt }): ReadonlyArray<InstanceEvent> => {
    const key = runHolderKey(attempt)
    const count = left.get(key) ?? 0
    if (count === 0) return []
    left.set(key, count - 1)
    return [
      {
        _tag: "run.accepted",
        ...runFields(record!.spec.instanceId, attempt),
        epoch,
        at: now,
        deadlineAt: now + attempt.timeoutMillis,
        onSlot: true,
        ownSlot: true,
        secret: { attempt }
      }
    ]
  })
}

const noSlot = (record: InstanceState["record"]) => ({
  reason: `no slot of ${layers.instance(record?.spec.instanceId ?? "")} was free in time`,
  retryAfterMillis: 250
})

/** The attempts that have waited too long. */
export const overdue = ({ queued, record }: InstanceState, now: number): ReadonlyArray<InstanceEvent> =>
  HashMap.toEntries(queued).flatMap(([runId, { until }]) => (until > now ? [] : [unqueue(runId, now, noSlot(record))]))

/** Tells the origin of an attempt that it waits no more. */
export const unqueuedSends = (
  { refusal, runId }: InstanceEventOf<"run.internal_unqueued">,
  { queued, record }: InstanceState
): ReadonlyArray<Outgoing> => {
  const found = HashMap.get(queued, runId)
  if (found._tag === "None" || record === undefined) return []
  const { origin, runKey } = found.value.attempt
  const { instanceId } = record.spec
  return [
    refusal === undefined
      ? sendTo(origin, AttemptEnded, { runKey, instanceId, outcome: { _tag: "aborted" } })
      : sendTo(origin, AttemptRefused, { runKey, instanceId, ...refusal })
  ]
}

const isTold = ({ origin }: Attempt): boolean => origin.entityType === "Session"

/** Tells a session that its turn waits here, for as long as it does. One that got a slot at once is not told. */
export const waitTells = (runId: string, { queued, record }: InstanceState): ReadonlyArray<Outgoing> => {
  const found = HashMap.get(queued, runId)
  if (found._tag === "None" || record === undefined || !isTold(found.value.attempt)) return []
  const { instanceId, maxConcurrentTasks } = record.spec
  const most = Math.min(maxConcurrentTasks, record.share ?? Infinity)
  const { origin, runKey } = found.value.attempt
  const reason = `waits for a slot of ${layers.instance(instanceId)}, all ${most} are taken`
  const isWanted = (state: InstanceState) => HashMap.has(state.queued, runId)
  return [tellTo(origin, AttemptWaits, { runKey, instanceId, reason }, isWanted)]
}

/** Tells a session that the turn which waited here runs. */
export const begunTells = (
  { at, instanceId, secret: { attempt } }: InstanceEventOf<"run.accepted">,
  { queued }: InstanceState
): ReadonlyArray<Outgoing> => {
  const { origin, runKey } = attempt
  const runId = runIdOf(origin, runKey)
  const found = HashMap.get(queued, runId)
  if (found._tag === "None" || !isTold(attempt) || found.value.until === at + queuedLimit) return []
  const isWanted = (state: InstanceState) => HashMap.has(state.runs, runId)
  return [tellTo(origin, AttemptWaits, { runKey, instanceId }, isWanted)]
}
