/**
 * The messages about slots between an Instance, which grants them, and those that hold them to run work there (lanes).
 * What changes a count is sent and applied once, so that both sides agree on it; a recall is told. `registration` is
 * the one of the instance that granted the slots: with another one they are void.
 */
import { Schema } from "effect"
import { command } from "../../actor/Protocol.ts"
import { ActorRef } from "../../schema/ActorRef.ts"
import { InstanceId, Placement, TenantId } from "../../schema/Ids.ts"

const registration = Schema.optionalKey(Schema.String)
const count = Schema.Int.check(Schema.isGreaterThan(0))
/** How many of its slots the holder may keep when what runs on them ends; null when it may keep all. */
const keep = Schema.NullOr(Schema.Int)

/** To the Instance: how many slots the holder wants to have in all. It replaces what the holder asked before. */
export const SlotsAsked = command("SlotsAsked", {
  payload: {
    holder: ActorRef,
    tenantId: TenantId,
    want: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
    /** Rank of what waits first at the holder, lower first; null when nothing waits. */
    rank: Schema.NullOr(Schema.Finite)
  }
})
/**
 * To the Instance: slots on which nothing runs, and on which the holder starts nothing any more; and how many it wants
 * in all from then on, so that it is not granted what it has just returned for want of use.
 */
export const SlotsReturned = command("SlotsReturned", {
  payload: { holder: ActorRef, registration, count, want: Schema.Int }
})

/** To the holder: it has so many slots more. */
export const SlotsGranted = command("SlotsGranted", {
  payload: {
    instanceId: InstanceId,
    placement: Placement,
    registration,
    count,
    keep,
    /** Others wait, so a slot that the holder has no use for is to come back at once. */
    contended: Schema.Boolean
  }
})
/**
 * To the holder: it should return the slots that it may not keep, as what runs on them ends. It replaces an earlier
 * recall. What is kept is said and not what is returned, so that it means the same before and after a return that is on
 * its way.
 */
export const SlotsRecalled = command("SlotsRecalled", { payload: { instanceId: InstanceId, registration, keep } })
/** To the holder: the instance grants nothing, and all that it granted is void. */
export const SlotsRevoked = command("SlotsRevoked", { payload: { instanceId: InstanceId, registration } })
