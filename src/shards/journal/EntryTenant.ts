/** Whose events a journal entry has, so that a tenant's feed is read by an index. */
import { isPublicTag } from "../../schema/feed/Feed.ts"

/** A tenant when all are its; `*` when they are of several; empty when none is shown to a tenant. */
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
 * The same as SQL, of a row of the journal, and `?` where it is not known and the events are to be looked at: entries
 * of versions that did not say are told by their actor where that is a tenant's own. The index is on this expression,
 * so a statement must have it word for word.
 */
export const tenantOf = `coalesce(tenant_id, CASE WHEN entity_type IN ('Lane', 'Session') THEN split_part(entity_id, '/', 1) ELSE '?' END)`
