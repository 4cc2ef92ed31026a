/**
 * How slots come and go at an Instance. Every decision of the actor ends by granting what is free and recalling what
 * others wait for (`settling`), so that no handler has to think of it.
 */
import { HashMap, Option } from "effect"
import type { DecideContext, Decision, Outgoing } from "../../../actor/Actor.ts"
import { sendTo, tellTo } from "../../../actor/Send.ts"
import { SlotsGranted, SlotsRecalled, SlotsRevoked } from "../../../rpc/slots/SlotRpcs.ts"
import type { ActorRef } from "../../../schema/ActorRef.ts"
import type { InstanceEvent, InstanceEventOf } from "../../../schema/events/InstanceEvents.ts"
import { parseInstanceEntityId, type TenantId } from "../../../schema/Ids.ts"
import { layers } from "../../../schema/Layers.ts"
import { evolve } from "../InstanceEvolve.ts"
import { type InstanceRecord, type InstanceState, isRegistered, runIdOf, takenOf } from "../InstanceState.ts"
import { about, draft } from "../runs/RunTransitions.ts"
import { begun, begunTells, unqueue, unqueuedSends, waitTells } from "../runs/QueuedRuns.ts"
import { stopWhenDrained } from "../LifecycleTransitions.ts"
import * as SlotBook from "./SlotBook.ts"
import { grants, recalls } from "./SlotShares.ts"

const registrationOf = ({ registration }: InstanceRecord) => (registration === undefined ? {} : { registration })

export interface SlotsAsk {
  readonly holder: ActorRef
  readonly tenantId: TenantId
  readonly want: number
  readonly rank: number | null
}

type Quiet = Decision<InstanceEvent, void, never>

/** An instance that is not registered, or that as many ask as it keeps in mind, answers that it grants nothing. */
export const slotsAsked = (
  { record, slots }: InstanceState,
  ask: SlotsAsk,
  { entityId, now }: DecideContext
): Quiet => {
  const { instanceId } = parseInstanceEntityId(entityId)
  const isNew = SlotBook.holderOf(slots, SlotBook.holderKey(ask.holder)) === undefined
  const isFull = isNew && HashMap.size(slots.holders) >= SlotBook.holdersMost
  if (!isRegistered(record) || isFull) {
    const revoked = sendTo(ask.holder, SlotsRevoked, {
      instanceId,
      ...(record === undefined ? {} : registrationOf(record))
    })
    return { events: [], answer: { _tag: "Success", value: undefined }, send: [revoked] }
  }
  const event: InstanceEvent = { _tag: "instance.internal_slots_asked", ...about(record), ask, at: now }
  return { events: [event], answer: { _tag: "Success", value: undefined }, send: [] }
}

export const slotsReturned = (
  state: InstanceState,
  {
    count,
    holder,
    registration,
    want
  }: { readonly holder: ActorRef; readonly registration?: string; readonly count: number; readonly want: number },
  { now }: DecideContext
): Quiet => {
  const { record, slots } = state
  const known = SlotBook.holderOf(slots, SlotBook.holderKey(holder))
  const change = draft(state)
  if (isRegistered(record) && record.registration === registration && known !== undefined) {
    change.emit({ _tag: "instance.internal_slots_returned", ...about(record), holder, count, want, at: now })
    stopWhenDrained(change, now)
  }
  return change.accept(undefined)
}

/** Whether new work may start here, so that slots may be granted. */
const takesWork = ({ breaker, record }: InstanceState): boolean =>
  (record?.phase === "warm" || record?.phase === "claimed") && record.health !== "unhealthy" && breaker.state !== "open"

/** Slots that the instance may give away: its share of the deployment's cap, when that is less than it has. */
const mostOf = ({ record }: InstanceState): number =>
  Math.min(record!.spec.maxConcurrentTasks, record!.share ?? Infinity)

/** A half-open breaker lets one attempt through as a trial, so only one slot is given away then. */
const freeOf = (state: InstanceState): number =>
  (state.breaker.state === "half_open" ? Math.min(1, mostOf(state)) : mostOf(state)) - takenOf(state)

/** Grants the free slots; undefined when none is free or wanted. */
const grantFree = (
  state: InstanceState,
  now: number
): InstanceEventOf<"instance.internal_slots_granted"> | undefined => {
  if (!takesWork(state)) return undefined
  const found = grants(state.slots, freeOf(state), now)
  if (found.length === 0) return undefined
  return { _tag: "instance.internal_slots_granted", ...about(state.record!), grants: found, at: now }
}

/** What to recall now, when it is not what was recalled before: everything from an instance that is leaving. */
const recallHeld = (
  state: InstanceState,
  now: number
): InstanceEventOf<"instance.internal_slots_recalled"> | undefined => {
  const { record, slots } = state
  const excess = takenOf(state) - mostOf(state)
  const isLeaving = record!.phase !== "warm" && record!.phase !== "claimed"
  const wanted = isLeaving
    ? HashMap.map(slots.holders, ({ forOneRun, held }) => (forOneRun === true ? 0 : held))
    : HashMap.fromIterable(recalls(slots, now, excess).map(({ count, key }) => [key, count] as const))
  const changed = HashMap.toEntries(slots.holders).flatMap(([key, { recalled }]) => {
    const count = Option.getOrElse(HashMap.get(wanted, key), () => 0)
    return count === recalled ? [] : [{ key, count }]
  })
  return changed.length === 0
    ? undefined
    : { _tag: "instance.internal_slots_recalled", ...about(record!), recalls: changed }
}

/** What waits here is refused when the instance takes no new work. */
const refuseQueued = (state: InstanceState, now: number): ReadonlyArray<InstanceEvent> => {
  const refusal = {
    reason: `${layers.instance(state.record!.spec.instanceId)} is ${state.record!.phase}`,
    retryAfterMillis: 2_000
  }
  return takesWork(state) ? [] : [...HashMap.keys(state.queued)].map((runId) => unqueue(runId, now, refusal))
}

/** Grants and recalls after a decision. */
const settle = (state: InstanceState, context: DecideContext): ReadonlyArray<InstanceEvent> => {
  if (state.record === undefined || HashMap.isEmpty(state.slots.holders)) return []
  const { now } = context
  const events = [...refuseQueued(state, now)]
  const kept = events.reduce(evolve, state)
  const granted = grantFree(kept, now)
  if (granted !== undefined) events.push(granted, ...begun(kept, granted.grants, context))
  const recalled = recallHeld(events.reduce(evolve, state), now)
  return recalled === undefined ? events : [...events, recalled]
}

/** The handler, whose decision also grants what it frees and recalls what it lets others wait for. */
export const settling =
  <Args extends ReadonlyArray<unknown>, A, E>(
    decide: (state: InstanceState, ...args: [...Args, DecideContext]) => Decision<InstanceEvent, A, E>
  ) =>
  (state: InstanceState, ...args: [...Args, DecideContext]): Decision<InstanceEvent, A, E> => {
    const decision = decide(state, ...args)
    if (decision.events.length === 0) return decision
    const more = settle(decision.events.reduce(evolve, state), args.at(-1) as DecideContext)
    return more.length === 0 ? decision : { ...decision, events: [...decision.events, ...more] }
  }

/** Tells the holders what an event says of their slots. */
export const slotSends = (
  event: InstanceEvent,
  before: InstanceState,
  after: InstanceState
): ReadonlyArray<Outgoing> => {
  switch (event._tag) {
    case "instance.internal_slots_granted":
      return event.grants.flatMap(({ count, key }) => {
        const found = SlotBook.holderOf(after.slots, key)
        const { instanceId, placement } = after.record!.spec
        return found === undefined || found.forOneRun === true
          ? []
          : [
              sendTo(found.holder, SlotsGranted, {
                instanceId,
                placement,
                ...registrationOf(after.record!),
                count,
                keep: SlotBook.keepOf(found),
                contended: HashMap.some(after.slots.holders, SlotBook.isWaiting)
              })
            ]
      })
    case "instance.internal_slots_recalled":
      return event.recalls.flatMap(({ key }) => recallOf(after, key))
    case "run.internal_queued":
      return waitTells(runIdOf(event.secret.attempt.origin, event.runKey), after)
    case "run.accepted":
      return begunTells(event, before)
    case "run.internal_unqueued":
      return unqueuedSends(event, before)
    case "instance.deregistered":
      return HashMap.toValues(HashMap.filter(before.slots.holders, ({ forOneRun }) => forOneRun !== true)).map(
        ({ holder }) =>
          sendTo(holder, SlotsRevoked, { instanceId: event.instanceId, ...registrationOf(before.record!) })
      )
    default:
      return []
  }
}

const recallOf = ({ record, slots }: InstanceState, key: string): ReadonlyArray<Outgoing> => {
  const found = SlotBook.holderOf(slots, key)
  if (found === undefined || record === undefined) return []
  const keep = SlotBook.keepOf(found)
  const { instanceId } = record.spec
  const isWanted = ({ slots }: InstanceState) => {
    const now = SlotBook.holderOf(slots, key)
    return now !== undefined && SlotBook.keepOf(now) === keep
  }
  return [tellTo(found.holder, SlotsRecalled, { instanceId, ...registrationOf(record), keep }, isWanted)]
}

/** What the holders are told again by the next activation. */
export const slotRetells = (state: InstanceState): ReadonlyArray<Outgoing> => [
  ...HashMap.toEntries(state.slots.holders).flatMap(([key, { recalled }]) =>
    recalled > 0 ? recallOf(state, key) : []
  ),
  ...[...HashMap.keys(state.queued)].flatMap((runId) => waitTells(runId, state))
]
