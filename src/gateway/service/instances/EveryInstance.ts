/**
 * Reads all instances that a tenant sees, or all of the cluster, page by page, so that none beyond the first page is
 * omitted.
 */
import { Effect } from "effect"
import type { InstanceReads } from "../../../ports/InstanceReads.ts"
import type { ActorUnavailable } from "../../../schema/Errors.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import { pageSize } from "../../../schema/lists/Page.ts"

/** 100,000 instances, ten times the number that a cluster routes to. */
const pagesMost = 100

export const everyInstance = Effect.fnUntraced(function* (
  reads: InstanceReads["Service"],
  tenantId?: TenantId
): Effect.fn.Return<ReadonlyArray<InstanceStatus>, ActorUnavailable> {
  const all: Array<InstanceStatus> = []
  let after: string | undefined
  for (let pages = 0; pages < pagesMost; pages++) {
    const page = yield* reads.list({ tenantId, after, limit: pageSize.most })
    all.push(...page.items)
    after = page.next
    if (after === undefined) break
  }
  return all
})
