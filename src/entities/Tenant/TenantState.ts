/** The state of a tenant, folded from its events. */
import { Schema } from "effect"
import type { TenantEvent } from "../../schema/events/TenantEvents.ts"
import { TenantId } from "../../schema/Ids.ts"
import { TenantRecord } from "../../schema/Tenant.ts"

export const TenantActorState = Schema.Struct({
  tenantId: TenantId,
  /** Absent until something is set. */
  record: Schema.optionalKey(TenantRecord)
})
export type TenantActorState = typeof TenantActorState.Type

export const initial = (entityId: string): TenantActorState => ({ tenantId: TenantId.make(entityId) })

/** The record; that of an active tenant without settings when nothing was set. */
export const recordOf = ({ record, tenantId }: TenantActorState): TenantRecord =>
  record ?? { tenantId, state: "active", caps: {}, changedAt: 0 }

const moved = (
  state: TenantActorState,
  to: TenantRecord["state"],
  { at, reason }: { readonly at: number; readonly reason?: string }
): TenantActorState => {
  const { reason: _before, ...record } = recordOf(state)
  return { ...state, record: { ...record, state: to, changedAt: at, ...(reason === undefined ? {} : { reason }) } }
}

export const evolve = (state: TenantActorState, event: TenantEvent): TenantActorState => {
  switch (event._tag) {
    case "tenant.set": {
      const { weight: _before, ...record } = recordOf(state)
      const weight = event.weight === undefined ? {} : { weight: event.weight }
      return { ...state, record: { ...record, ...weight, caps: event.caps, changedAt: event.at } }
    }
    case "tenant.suspended":
      return moved(state, "suspended", event)
    case "tenant.resumed":
      return moved(state, "active", event)
    case "tenant.deleted":
      return moved(state, "deleted", event)
  }
}

/** An active tenant without settings of its own is as one that was never named. Any other must not be forgotten. */
export const isEnded = (state: TenantActorState): boolean => {
  const { caps, state: phase, weight } = recordOf(state)
  return phase === "active" && weight === undefined && Object.keys(caps).length === 0
}
