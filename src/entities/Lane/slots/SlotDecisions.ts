/**
 * What a lane does about its slots besides spending them: it takes what is granted, gives back what is recalled as soon
 * as nothing runs on it, and gives back what it has not used for a while.
 */
import { HashMap } from "effect"
import { accept, type DecideContext, type Decision, note, type Outgoing } from "../../../actor/Actor.ts"
import { sendTo } from "../../../actor/Send.ts"
import { SlotsAsked, SlotsReturned } from "../../../rpc/slots/SlotRpcs.ts"
import type { LaneEvent } from "../../../schema/events/LaneEvents.ts"
import { InstanceId, type Placement } from "../../../schema/Ids.ts"
import { evolve } from "../LaneEvolve.ts"
import { instanceRef, laneRef } from "../LaneRefs.ts"
import { type LaneState, wantsDispatch } from "../LaneState.ts"
import { presentTold } from "./SlotRuns.ts"
import { dueOf, freeOf, isOfAnother, leaseOf, type SlotLease } from "./SlotLease.ts"

/**
 * Milliseconds after which a slot that was not used goes back when nobody is known to wait for it. Asking for one again
 * costs a task a few milliseconds; a slot that lies idle may cost somebody else all this time.
 */
const idleMillis = 1_000
/** The timer for that is rounded up to a multiple of this, so that it seldom changes while attempts come and go. */
const idleStep = 1_000

type Quiet = Decision<LaneEvent, void, never>

interface Told {
  readonly instanceId: InstanceId
  readonly registration?: string
}

const about = ({ lane, tenantId }: LaneState, at: number, instanceId: InstanceId) => ({
  tenantId,
  lane,
  at,
  instanceId
})

interface Granted extends Told {
  readonly count: number
  readonly keep: number | null
  readonly contended: boolean
  readonly placement: Placement
}

/**
 * A grant to a lane that no longer wants any slot there goes back, and the ask with it: an instance that took the ask
 * after its earlier registration had revoked it would grant it again and again.
 */
export const slotsGranted = (
  state: LaneState,
  { contended, count, instanceId, keep, placement, registration }: Granted,
  context: DecideContext
): Quiet => {
  const of = registration === undefined ? {} : { registration }
  const lease = leaseOf(state.slots, instanceId)
  if (lease === undefined) {
    const instance = instanceRef(instanceId, placement)
    const back = sendTo(instance, SlotsReturned, { holder: laneRef(state), ...of, count, want: 0 })
    return accept<LaneEvent, void>([], undefined, [back])
  }
  const isFirst = lease.granted === 0 || lease.registration !== registration
  return accept<LaneEvent, void>(
    [
      {
        _tag: "lane.internal_slots_granted",
        ...about(state, context.now, instanceId),
        ...of,
        count,
        keep,
        contended
      }
    ],
    undefined,
    isFirst ? [presentTold(state, { instanceId, placement }, context)] : []
  )
}

export const slotsRecalled = (
  state: LaneState,
  { instanceId, keep, registration }: Told & { readonly keep: number | null },
  { now }: DecideContext
): Quiet => {
  const lease = leaseOf(state.slots, instanceId)
  const isNew = lease !== undefined && lease.registration === registration && lease.keep !== keep
  return accept<LaneEvent, void>(
    isNew ? [{ _tag: "lane.internal_slots_recalled", ...about(state, now, instanceId), keep }] : [],
    undefined
  )
}

/** A message of an earlier registration says nothing of slots that a later one granted. */
export const slotsRevoked = (state: LaneState, { instanceId, registration }: Told, { now }: DecideContext): Quiet => {
  const lease = leaseOf(state.slots, instanceId)
  const isOutdated = registration !== undefined && isOfAnother(lease, registration)
  return accept<LaneEvent, void>(
    lease === undefined || isOutdated
      ? []
      : [{ _tag: "lane.internal_slots_revoked", ...about(state, now, instanceId) }],
    undefined
  )
}

/** These instances are not registered any more, as far as the fleet can tell. */
export interface SlotsVoid {
  readonly _tag: "SlotsVoid"
  readonly instanceIds: ReadonlyArray<InstanceId>
}

/**
 * Drops what the lane holds at instances that are gone: one that was deregistered without its runner revokes nothing
 * until its machine comes back.
 */
export const slotsVoid = (state: LaneState, { instanceIds }: SlotsVoid, { now }: DecideContext): Quiet =>
  note(
    instanceIds.flatMap((instanceId) =>
      leaseOf(state.slots, instanceId) === undefined
        ? []
        : [{ _tag: "lane.internal_slots_revoked" as const, ...about(state, now, instanceId) }]
    )
  )

/** Whether the lane has something to tell the instance without having been asked: it may have to return slots. */
const mayOwe = ({ contended, granted, keep, want }: SlotLease): boolean => contended || keep !== null || want > granted

const mayHaveToTell = ({ slots }: LaneState, events: ReadonlyArray<LaneEvent>): boolean =>
  events.length > 0 &&
  (HashMap.some(slots, mayOwe) || events.some(({ _tag }) => _tag.startsWith("lane.internal_slots_")))

/** Returns what is due, and asks for no more than it has where nothing waits for more. */
const returning = (state: LaneState, now: number): ReadonlyArray<LaneEvent> => {
  const hasWork = wantsDispatch(state)
  return HashMap.toEntries(state.slots).flatMap(([id, lease]): ReadonlyArray<LaneEvent> => {
    const of = about(state, now, InstanceId.make(id))
    const count = dueOf(lease, hasWork)
    const left = lease.granted - count
    if (count > 0) {
      return [{ _tag: "lane.internal_slots_returned", ...of, count, want: hasWork ? lease.want : left }]
    }
    return !hasWork && lease.want > left
      ? [{ _tag: "lane.internal_slots_asked", ...of, placement: lease.placement, want: left, rank: null }]
      : []
  })
}

/** The handler, whose decision also tells instances what it leaves to be told. */
export const settling =
  <Args extends ReadonlyArray<unknown>, A, E>(
    decide: (state: LaneState, ...args: [...Args, DecideContext]) => Decision<LaneEvent, A, E>
  ) =>
  (state: LaneState, ...args: [...Args, DecideContext]): Decision<LaneEvent, A, E> => {
    const decision = decide(state, ...args)
    if (!mayHaveToTell(state, decision.events)) return decision
    const after = decision.events.reduce(evolve, state)
    if (!HashMap.some(after.slots, mayOwe)) return decision
    const { now } = args.at(-1) as DecideContext
    const more = returning(after, now)
    return more.length === 0 ? decision : { ...decision, events: [...decision.events, ...more] }
  }

const isUnused = (lease: SlotLease): boolean => freeOf(lease) > 0 || lease.want > lease.spent

const unusedAt = (lease: SlotLease): number =>
  Math.ceil((Math.max(lease.usedAt, lease.askedAt) + idleMillis) / idleStep) * idleStep

/** Unix milliseconds at which slots have not been used for too long; `Infinity` when there are none. */
export const idleAt = ({ slots }: LaneState): number =>
  HashMap.reduce(slots, Infinity, (first, lease) => (isUnused(lease) ? Math.min(first, unusedAt(lease)) : first))

/** Handles the timer of unused slots: the lane asks for no more than it uses, and gives back the rest. */
export const returnIdle = (state: LaneState, { now }: DecideContext): Quiet =>
  note(
    HashMap.toEntries(state.slots).flatMap(([id, lease]): ReadonlyArray<LaneEvent> => {
      if (!isUnused(lease) || unusedAt(lease) > now) return []
      const of = about(state, now, InstanceId.make(id))
      const count = freeOf(lease)
      const want = lease.spent
      return count === 0
        ? [{ _tag: "lane.internal_slots_asked", ...of, placement: lease.placement, want, rank: null }]
        : [{ _tag: "lane.internal_slots_returned", ...of, count, want }]
    })
  )

/** Tells instances what an event says of their slots. */
export const slotSends = (event: LaneEvent, before: LaneState): ReadonlyArray<Outgoing> => {
  if (event._tag !== "lane.internal_slots_asked" && event._tag !== "lane.internal_slots_returned") return []
  const { instanceId, tenantId } = event
  const holder = laneRef(event)
  if (event._tag === "lane.internal_slots_asked") {
    const { placement, rank, want } = event
    const instance = instanceRef(instanceId, placement)
    return [sendTo(instance, SlotsAsked, { holder, tenantId, want, rank })]
  }
  const lease = leaseOf(before.slots, instanceId)
  if (lease === undefined) return []
  const { placement, registration } = lease
  const of = registration === undefined ? {} : { registration }
  const instance = instanceRef(instanceId, placement)
  return [sendTo(instance, SlotsReturned, { holder, ...of, count: event.count, want: event.want })]
}
