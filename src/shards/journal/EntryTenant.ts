/** Determines the tenant of a journal entry, so that a tenant's feed can be read through an index. */
import { isPublicTag } from "../../schema/feed/Feed.ts"

/**
 * The tenant when all public events are of one tenant; `*` when they are of several; empty when no event is shown to a
 * tenant.
 */
export const tenantOfEntry = (events: ReadonlyArray<unknown>): string => {
  let found = ""
  for (const event of events) {
    const { _tag, tenantId } = event as { readonly _tag: string; readonly tenantId?: unknown }
    if (typeof tenantId !== "string" || tenantId === found || !isPublicTag(_tag)) continue
    if (found !== "") return "*"
    found = tenantId
  }
  return found
}

/**
 * The same as a SQL expression over a journal row. For entries of versions that did not record the tenant, it is
 * derived from the actor's id where the actor belongs to one tenant; otherwise it is `?`, and the reader must inspect
 * the events. The index is on this expression, so a statement must contain it verbatim.
 */
export const tenantOf = `coalesce(tenant_id, CASE WHEN entity_type IN ('Lane', 'Session') THEN split_part(entity_id, '/', 1) ELSE '?' END)`
