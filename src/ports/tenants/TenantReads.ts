/** Reads what a tenant has and does. */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { TenantId } from "../../schema/Ids.ts"
import type { TenantUsage } from "../../schema/Tenant.ts"

export class TenantReads extends Context.Service<
  TenantReads,
  {
    /** Sessions that are not closed, over all tenants. The cost grows with the number of sessions. */
    readonly openSessions: Effect.Effect<number, ActorUnavailable>
    /**
     * Sums over the views of its lanes and sessions, each as of that actor's last commit. The cost grows with the
     * number of these, never with the number of tasks.
     */
    readonly usage: (tenantId: TenantId) => Effect.Effect<TenantUsage, ActorUnavailable>
  }
>()("clawster/ports/TenantReads") {}
