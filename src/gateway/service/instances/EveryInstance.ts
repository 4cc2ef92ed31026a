/**
 * All instances that a tenant sees, or all there are: page by page, so that none is left out where there are more than
 * a page.
 */
import { Effect } from "effect"
import type { ViewReads } from "../../../ports/Reads.ts"
import type { ActorUnavailable } from "../../../schema/Errors.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import { pageSize } from "../../../schema/Page.ts"

/** Ten times what a cluster routes to. */
const pagesMost = 100

export const everyInstance = Effect.fnUntraced(function* (
  views: ViewReads["Service"],
  tenantId?: TenantId
): Effect.fn.Return<ReadonlyArray<InstanceStatus>, ActorUnavailable> {
  const all: Array<InstanceStatus> = []
  let after: string | undefined
  for (let pages = 0; pages < pagesMost; pages++) {
    const page = yield* views.instances({ tenantId, after, limit: pageSize.most })
    all.push(...page.items)
    after = page.next
    if (after === undefined) break
  }
  return all
})
