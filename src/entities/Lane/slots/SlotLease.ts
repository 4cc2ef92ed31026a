/**
 * The slots that a lane holds at one instance, which that instance granted. A start spends a slot, and the end of the
 * attempt frees it again. An attempt that the lane gives up keeps its slot until the instance says that it is over:
 * it may still run there, and the slot stands for what runs. Pure.
 */
import { HashMap, Option, Schema } from "effect"
import { InstanceId, Placement } from "../../../schema/Ids.ts"

export const SlotLease = Schema.Struct({
  placement: Placement,
  /** Registration of the instance that granted the slots. Absent before the first grant. */
  registration: Schema.optionalKey(Schema.String),
  granted: Schema.Int,
  /** Slots with an attempt that runs, or that was given up and is not known to be over. At most `granted`. */
  spent: Schema.Int,
  /** How many slots the instance wants back, as what runs on them ends. */
  recalled: Schema.Int,
  /** What the lane asked for last, in all. */
  want: Schema.Int,
  rank: Schema.NullOr(Schema.Finite),
  /** Unix milliseconds. */
  askedAt: Schema.Finite,
  /** Unix milliseconds at which a slot was last granted, spent or freed. */
  usedAt: Schema.Finite
})
export type SlotLease = typeof SlotLease.Type

/** By instance id. */
export const SlotLeases = Schema.HashMap(Schema.String, SlotLease)
export type SlotLeases = typeof SlotLeases.Type

export const leaseOf = (leases: SlotLeases, instanceId: string): SlotLease | undefined =>
  Option.getOrUndefined(HashMap.get(leases, instanceId))

/** Slots on which the lane may start something. */
export const freeOf = ({ granted, spent }: SlotLease): number => Math.max(0, granted - spent)

/** A lease without slots that wants none says nothing and is dropped. */
const update = (leases: SlotLeases, instanceId: InstanceId, change: (lease: SlotLease) => SlotLease): SlotLeases => {
  const known = leaseOf(leases, instanceId)
  if (known === undefined) return leases
  const next = change(known)
  return next.granted === 0 && next.spent === 0 && next.want === 0
    ? HashMap.remove(leases, instanceId)
    : HashMap.set(leases, instanceId, next)
}

export interface Ask {
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly want: number
  readonly rank: number | null
}

export const asked = (leases: SlotLeases, { instanceId, placement, rank, want }: Ask, at: number): SlotLeases => {
  const known = leaseOf(leases, instanceId) ?? { granted: 0, spent: 0, recalled: 0, usedAt: at }
  return update(
    HashMap.set(leases, instanceId, { ...known, placement, want, rank, askedAt: at }),
    instanceId,
    (lease) => lease
  )
}

/** Whether the lease's slots were granted by another registration than this one. */
export const isOfAnother = (lease: SlotLease | undefined, registration: string | undefined): boolean =>
  lease?.registration !== undefined && lease.registration !== registration

/** Slots of another registration are void, with what was spent of them. */
export const granted = (
  leases: SlotLeases,
  instanceId: InstanceId,
  registration: string | undefined,
  count: number,
  at: number
): SlotLeases =>
  update(leases, instanceId, (lease) => {
    const { registration: _, ...rest } = lease
    const kept = isOfAnother(lease, registration) ? { ...rest, granted: 0, spent: 0, recalled: 0 } : rest
    return {
      ...kept,
      ...(registration === undefined ? {} : { registration }),
      granted: kept.granted + count,
      usedAt: at
    }
  })

export const returned = (leases: SlotLeases, instanceId: InstanceId, count: number): SlotLeases =>
  update(leases, instanceId, (lease) => ({
    ...lease,
    granted: lease.granted - count,
    recalled: Math.max(0, lease.recalled - count)
  }))

export const recalled = (leases: SlotLeases, instanceId: InstanceId, count: number): SlotLeases =>
  update(leases, instanceId, (lease) => ({ ...lease, recalled: Math.min(count, lease.granted) }))

export const begun = (leases: SlotLeases, instanceId: InstanceId, at: number): SlotLeases =>
  update(leases, instanceId, (lease) => ({ ...lease, spent: lease.spent + 1, usedAt: at }))

export const freed = (leases: SlotLeases, instanceId: InstanceId, at: number): SlotLeases =>
  update(leases, instanceId, (lease) => ({ ...lease, spent: Math.max(0, lease.spent - 1), usedAt: at }))

/** The instance has no slots any more, and what the lane gave up there is over. */
export const revoked = (leases: SlotLeases, instanceId: InstanceId): SlotLeases => HashMap.remove(leases, instanceId)

/** An attempt that the lane gave up on a slot. */
export const GivenUp = Schema.Struct({
  instanceId: InstanceId,
  placement: Placement,
  /** The gateway's session in which it may still run. */
  sessionKey: Schema.String
})
export type GivenUp = typeof GivenUp.Type
