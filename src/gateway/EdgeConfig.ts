/** Settings of the edge. */
import { Context } from "effect"
import type { TenantId } from "../schema/Ids.ts"

export const EdgeConfig = Context.Reference<{
  /** The tenant whose objects admins and operators change when they name no tenant. Absent: they must name one. */
  readonly defaultTenant?: TenantId | undefined
  /** Maximum sockets on the event feed in one process, and separately of RPC sockets; 10,000 when absent. */
  readonly socketsMost?: number | undefined
}>("clawster/gateway/EdgeConfig", { defaultValue: () => ({}) })
