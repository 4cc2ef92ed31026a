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
  /** How many slots the lane may keep when what runs on them ends; null when it may keep all. */
  keep: Schema.NullOr(Schema.Int),
  /** Others waited for slots of the instance at the last grant. */
  contended: Schema.Boolean,
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

/**
 * Slots on which nothing runs and that are to go back at once: those that the instance recalls, and all of them when
 * others wait and the lane has nothing to start.
 */
export const dueOf = (lease: SlotLease, hasWork: boolean): number => {
  const free = freeOf(lease)
  if (lease.contended && !hasWork) return free
  return lease.keep === null ? 0 : Math.min(free, Math.max(0, lease.granted - lease.keep))
}

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
  const known = leaseOf(leases, instanceId) ?? { granted: 0, spent: 0, keep: null, contended: false, usedAt: at }
  return update(
    HashMap.set(leases, instanceId, { ...known, placement, want, rank, askedAt: at }),
    instanceId,
    (lease) => lease
  )
}

interface Grant {
  readonly instanceId: InstanceId
  readonly registration?: string
  readonly count: number
  readonly keep: number | null
  readonly contended: boolean
}

/** Whether the lease's slots were granted by another registration than this one. */
export const isOfAnother = (lease: SlotLease | undefined, registration: string | undefined): boolean =>
  lease?.registration !== undefined && lease.registration !== registration

/** Slots of another registration are void, with what was spent of them. */
export const granted = (
  leases: SlotLeases,
  { contended, count, instanceId, keep, registration }: Grant,
  at: number
): SlotLeases =>
  update(leases, instanceId, (lease) => {
    const { registration: _, ...rest } = lease
    const kept = isOfAnother(lease, registration) ? { ...rest, granted: 0, spent: 0 } : rest
    return {
      ...kept,
      ...(registration === undefined ? {} : { registration }),
      granted: kept.granted + count,
      keep,
      contended,
      usedAt: at
    }
  })

export const returned = (leases: SlotLeases, instanceId: InstanceId, count: number, want: number): SlotLeases =>
  update(leases, instanceId, (lease) => ({
    ...lease,
    granted: lease.granted - count,
    want
  }))

export const recalled = (leases: SlotLeases, instanceId: InstanceId, keep: number | null): SlotLeases =>
  update(leases, instanceId, (lease) => ({ ...lease, keep }))

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
