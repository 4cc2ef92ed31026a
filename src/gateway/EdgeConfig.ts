/** What the edge must know of the deployment. */
import { Context } from "effect"
import type { TenantId } from "../schema/Ids.ts"

export const EdgeConfig = Context.Reference<{
  /** Whose things admins and operators change when they name no tenant. Absent: they must name one. */
  readonly defaultTenant?: TenantId | undefined
  /** Sockets on the feed that one process holds, and as many of RPCs; 10,000 when absent. */
  readonly socketsMost?: number | undefined
}>("clawster/gateway/EdgeConfig", { defaultValue: () => ({}) })
