/**
 * What a lane does about its slots besides spending them: it takes what is granted, gives back what is recalled as soon
 * as nothing runs on it, and gives back what it has not used for a while.
 */
import { HashMap } from "effect"
import { accept, type DecideContext, type Decision, note, type Outgoing } from "../../../actor/Actor.ts"
import { sendTo } from "../../../actor/Send.ts"
import { SlotsAsked, SlotsReturned } from "../../../rpc/SlotRpcs.ts"
import type { LaneEvent } from "../../../schema/events/LaneEvents.ts"
import { InstanceId, instanceEntityId, laneEntityId, type Placement } from "../../../schema/Ids.ts"
import { evolve } from "../LaneEvolve.ts"
import type { LaneState } from "../LaneState.ts"
import { presentTold } from "./SlotRuns.ts"
import { freeOf, isOfAnother, leaseOf, type SlotLease } from "./SlotLease.ts"

/** Milliseconds after which a slot that was not used goes back. */
const idleMillis = 10_000
/** The timer for that is rounded up to a multiple of this, so that it seldom changes while attempts come and go. */
const idleStep = 5_000

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

const addressOf = (instanceId: InstanceId, placement: Placement) => ({
  entityType: "Instance",
  entityId: instanceEntityId(placement, instanceId)
})

const holderOf = ({ lane, tenantId }: Pick<LaneState, "lane" | "tenantId">) => ({
  entityType: "Lane",
  entityId: laneEntityId(tenantId, lane)
})

/**
 * A grant to a lane that no longer wants any slot there goes back, after the ask for it: an instance that took the ask
 * after its earlier registration had revoked it would grant it again and again.
 */
export const slotsGranted = (
  state: LaneState,
  { count, instanceId, placement, registration }: Told & { readonly count: number; readonly placement: Placement },
  context: DecideContext
): Quiet => {
  const of = registration === undefined ? {} : { registration }
  const lease = leaseOf(state.slots, instanceId)
  if (lease === undefined) {
    const instance = addressOf(instanceId, placement)
    const holder = holderOf(state)
    return accept<LaneEvent, void>([], undefined, [
      sendTo(instance, SlotsAsked, { holder, tenantId: state.tenantId, weight: 1, want: 0, rank: null }),
      sendTo(instance, SlotsReturned, { holder, ...of, count })
    ])
  }
  const isFirst = lease.granted === 0 || lease.registration !== registration
  return accept<LaneEvent, void>(
    [{ _tag: "lane.internal_slots_granted", ...about(state, context.now, instanceId), ...of, count }],
    undefined,
    isFirst ? [presentTold(state, { instanceId, placement }, context)] : []
  )
}

export const slotsRecalled = (
  state: LaneState,
  { count, instanceId, registration }: Told & { readonly count: number },
  { now }: DecideContext
): Quiet => {
  const lease = leaseOf(state.slots, instanceId)
  const isNew = lease !== undefined && lease.registration === registration && lease.recalled !== count
  return accept<LaneEvent, void>(
    isNew ? [{ _tag: "lane.internal_slots_recalled", ...about(state, now, instanceId), count }] : [],
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

const returning = (state: LaneState, now: number): ReadonlyArray<LaneEvent> =>
  HashMap.toEntries(state.slots).flatMap(([instanceId, lease]) => {
    const count = Math.min(lease.recalled, freeOf(lease))
    return count === 0
      ? []
      : [{ _tag: "lane.internal_slots_returned" as const, ...about(state, now, InstanceId.make(instanceId)), count }]
  })

/** The handler, whose decision also gives back what is recalled and free after it. */
export const settling =
  <Args extends ReadonlyArray<unknown>, A, E>(
    decide: (state: LaneState, ...args: [...Args, DecideContext]) => Decision<LaneEvent, A, E>
  ) =>
  (state: LaneState, ...args: [...Args, DecideContext]): Decision<LaneEvent, A, E> => {
    const decision = decide(state, ...args)
    if (decision.events.length === 0) return decision
    const isRecalled = ({ recalled }: SlotLease) => recalled > 0
    const after = decision.events.reduce(evolve, state)
    if (!HashMap.some(after.slots, isRecalled)) return decision
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
      const free = freeOf(lease)
      const ask = { placement: lease.placement, want: lease.spent, rank: null }
      return [
        { _tag: "lane.internal_slots_asked", ...of, ...ask },
        ...(free === 0 ? [] : [{ _tag: "lane.internal_slots_returned" as const, ...of, count: free }])
      ]
    })
  )

/** Tells instances what an event says of their slots. */
export const slotSends = (event: LaneEvent, before: LaneState): ReadonlyArray<Outgoing> => {
  if (event._tag !== "lane.internal_slots_asked" && event._tag !== "lane.internal_slots_returned") return []
  const { instanceId, tenantId } = event
  const holder = holderOf(event)
  if (event._tag === "lane.internal_slots_asked") {
    const { placement, rank, want } = event
    const instance = addressOf(instanceId, placement)
    return [sendTo(instance, SlotsAsked, { holder, tenantId, weight: 1, want, rank })]
  }
  const lease = leaseOf(before.slots, instanceId)
  if (lease === undefined) return []
  const { placement, registration } = lease
  const of = registration === undefined ? {} : { registration }
  const instance = addressOf(instanceId, placement)
  return [sendTo(instance, SlotsReturned, { holder, ...of, count: event.count })]
}
