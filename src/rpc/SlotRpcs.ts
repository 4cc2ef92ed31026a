/**
 * The messages about slots between an Instance, which grants them, and those that hold them to run work there (lanes).
 * What changes a count is sent and applied once, so that both sides agree on it; a recall is told. `registration` is
 * the one of the instance that granted the slots: with another one they are void.
 */
import { Schema } from "effect"
import { command } from "../actor/Protocol.ts"
import { ActorRef } from "../schema/ActorRef.ts"
import { InstanceId, Placement, TenantId } from "../schema/Ids.ts"

const registration = Schema.optionalKey(Schema.String)
const count = Schema.Int.check(Schema.isGreaterThan(0))

/** To the Instance: how many slots the holder wants to have in all. It replaces what the holder asked before. */
export const SlotsAsked = command("SlotsAsked", {
  payload: {
    holder: ActorRef,
    tenantId: TenantId,
    /** The tenant's share of contended slots is in proportion to it. */
    weight: Schema.Finite.check(Schema.isGreaterThan(0)),
    want: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
    /** Rank of what waits first at the holder, lower first; null when nothing waits. */
    rank: Schema.NullOr(Schema.Finite)
  }
})
/** To the Instance: slots on which nothing runs, and on which the holder starts nothing any more. */
export const SlotsReturned = command("SlotsReturned", { payload: { holder: ActorRef, registration, count } })

/** To the holder: it has so many slots more. */
export const SlotsGranted = command("SlotsGranted", {
  payload: { instanceId: InstanceId, placement: Placement, registration, count }
})
/** To the holder: it should return so many of its slots, as what runs on them ends. It replaces an earlier recall. */
export const SlotsRecalled = command("SlotsRecalled", {
  payload: { instanceId: InstanceId, registration, count: Schema.Int }
})
/** To the holder: the instance grants nothing, and all that it granted is void. */
export const SlotsRevoked = command("SlotsRevoked", { payload: { instanceId: InstanceId, registration } })
