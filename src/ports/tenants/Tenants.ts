/**
 * What holds for each tenant, for all who enforce it: the edge, lanes and sessions. It is read from memory, and follows
 * a change within 2 s. By default every tenant is active and without caps.
 */
import { Context, Effect, Stream } from "effect"
import type { TenantId } from "../../schema/Ids.ts"
import { effectiveStatus, type TenantDefaults as Defaults, type TenantStatus } from "../../schema/Tenant.ts"

/** What holds for a tenant as far as its record sets nothing else; the same in every process. */
export const TenantDefaults = Context.Reference<Defaults>("clawster/ports/TenantDefaults", {
  defaultValue: () => ({})
})

export interface TenantsShape {
  /** Undefined before the records were read for the first time: then nothing is known, and nothing may start. */
  readonly of: (tenantId: TenantId) => Effect.Effect<TenantStatus | undefined>
  /** Reads the records now, so that this process follows a change of its own at once. Never fails. */
  readonly refresh: Effect.Effect<void>
  /** One element after each change. Work that waits for its tenant retries on it. */
  readonly changes: Stream.Stream<void>
}

export const Tenants = Context.Reference<TenantsShape>("clawster/ports/Tenants", {
  defaultValue: () => ({
    of: (tenantId) => Effect.succeed(effectiveStatus(tenantId, undefined, {})),
    refresh: Effect.void,
    changes: Stream.never
  })
})

/** Tasks that one lane of the tenant may run at once: none while it may not work. */
export const mostRunning = (status: TenantStatus | undefined): number =>
  status?.state === "active" ? (status.caps.running ?? Infinity) : 0

/** Why nothing of the tenant may start now; undefined when it may. */
export const heldBecause = (status: TenantStatus | undefined): string | undefined => {
  if (status === undefined) return "the tenants' records to be read"
  if (status.state === "active") return undefined
  const why = status.reason === undefined ? "" : `: ${status.reason}`
  return `tenant ${status.tenantId} to be resumed, it is ${status.state}${why}`
}
