/** A tenant as operators set it: whether it may work, its weight, and its caps. */
import { Schema } from "effect"
import { TenantId } from "./Ids.ts"
import { within } from "./text/Bounds.ts"

/**
 * `suspended`: nothing of the tenant starts and nothing of it is accepted; what runs goes on. `deleted`: the same, and
 * what is kept of it ages as that of any tenant. Both end with a resume.
 */
export const TenantState = Schema.Literals(["active", "suspended", "deleted"])
export type TenantState = typeof TenantState.Type

/** The weight of a tenant for which none is set. */
export const defaultWeight = 1

export const TenantWeight = within(1, 1_000).annotate({
  description: "The tenant's part of the slots for which tenants compete, relative to that of other tenants."
})

/** What bounds a tenant, by name. */
export const capBounds = {
  running: within(1, 10_000).annotate({
    description:
      "Tasks that one lane of the tenant may run at once: no lane's concurrency may be set above it, and a lane with a higher one starts no more than this. It bounds neither the sum over lanes nor turns."
  }),
  pending: within(0, 100_000_000).annotate({
    description: "Tasks of the tenant that may wait, scheduled and retrying ones included, over all its lanes."
  }),
  lanes: within(0, 1_000_000).annotate({ description: "Lanes that the tenant may have." }),
  sessions: within(0, 100_000_000).annotate({ description: "Sessions of the tenant that may be open." }),
  ratePerSecond: within(1, 1_000_000).annotate({
    description:
      "Tasks, sessions and turns that one gateway process accepts of the tenant in a second, with a burst of the same size."
  })
} as const

/** Absent: no cap. */
export const TenantCaps = Schema.Struct({
  running: Schema.optionalKey(capBounds.running),
  pending: Schema.optionalKey(capBounds.pending),
  lanes: Schema.optionalKey(capBounds.lanes),
  sessions: Schema.optionalKey(capBounds.sessions),
  ratePerSecond: Schema.optionalKey(capBounds.ratePerSecond)
}).annotate({ identifier: "TenantCaps" })
export type TenantCaps = typeof TenantCaps.Type

/** What holds for a tenant as far as its record sets nothing else. */
export const TenantDefaults = Schema.Struct({
  weight: Schema.optionalKey(TenantWeight),
  caps: Schema.optionalKey(TenantCaps)
})
export type TenantDefaults = typeof TenantDefaults.Type

/** What operators have set of a tenant. An absent weight or cap is that of the defaults. */
export const TenantRecord = Schema.Struct({
  tenantId: TenantId,
  state: TenantState,
  /** Why it is suspended or deleted. */
  reason: Schema.optionalKey(Schema.String),
  weight: Schema.optionalKey(Schema.Int),
  caps: TenantCaps,
  /** Unix milliseconds. */
  changedAt: Schema.Finite
})
export type TenantRecord = typeof TenantRecord.Type

/** What holds for a tenant: its record over the defaults. */
export const TenantStatus = Schema.Struct({
  tenantId: TenantId,
  state: TenantState,
  reason: Schema.optionalKey(Schema.String),
  weight: Schema.Int,
  caps: TenantCaps,
  /** Unix milliseconds of the last change; absent of a tenant for which nothing was ever set. */
  changedAt: Schema.optionalKey(Schema.Finite)
})
export type TenantStatus = typeof TenantStatus.Type

/** `record` is undefined for a tenant for which nothing was ever set. */
export const effectiveStatus = (
  tenantId: TenantId,
  record: TenantRecord | undefined,
  defaults: TenantDefaults
): TenantStatus => {
  const { weight: own, ...set } = record ?? { tenantId, state: "active" as const, caps: {} }
  return {
    ...set,
    weight: own ?? defaults.weight ?? defaultWeight,
    caps: { ...defaults.caps, ...set.caps }
  }
}

/** Absent fields keep their value; `null` takes the tenant's own value away, and that of the defaults holds. */
export const TenantChange = Schema.Struct({
  weight: Schema.optionalKey(Schema.NullOr(TenantWeight)),
  caps: Schema.optionalKey(
    Schema.Struct({
      running: Schema.optionalKey(Schema.NullOr(capBounds.running)),
      pending: Schema.optionalKey(Schema.NullOr(capBounds.pending)),
      lanes: Schema.optionalKey(Schema.NullOr(capBounds.lanes)),
      sessions: Schema.optionalKey(Schema.NullOr(capBounds.sessions)),
      ratePerSecond: Schema.optionalKey(Schema.NullOr(capBounds.ratePerSecond))
    })
  )
})
export type TenantChange = typeof TenantChange.Type

/** What a tenant has and does, as its lanes and sessions said with their last commits. */
export const TenantUsage = Schema.Struct({
  lanes: Schema.Int,
  pending: Schema.Int,
  /** Retrying tasks included. */
  scheduled: Schema.Int,
  running: Schema.Int,
  completed: Schema.Int,
  failed: Schema.Int,
  cancelled: Schema.Int,
  deadLettered: Schema.Int,
  /** Sessions that are not closed. */
  sessions: Schema.Int,
  /** Sessions with a turn that runs or waits to begin. */
  activeSessions: Schema.Int,
  /** Turns that wait. */
  queuedTurns: Schema.Int
})
export type TenantUsage = typeof TenantUsage.Type
