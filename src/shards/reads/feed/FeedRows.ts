/** Converts journal rows into the events that clients see. */
import type { Cursor, FeedEvent } from "../../../schema/feed/Feed.ts"
import { isPublicTag } from "../../../schema/feed/Feed.ts"
import { skippedNotice } from "../../../schema/feed/FeedNotice.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import { shortened } from "../../../schema/text/ShortenEvent.ts"
import type { JournalRow } from "./JournalPages.ts"

interface StoredEvent {
  readonly _tag: string
  readonly [field: string]: any
}

const isStoredEvent = (value: unknown): value is StoredEvent =>
  typeof value === "object" && value !== null && typeof (value as { readonly _tag?: unknown })._tag === "string"

const isEntry = (value: unknown): value is ReadonlyArray<StoredEvent> =>
  Array.isArray(value) && value.every(isStoredEvent)

/**
 * The public events of a row, without secrets, and without those of other tenants when a tenant is named. A row that
 * cannot be shown becomes a `feed.skipped` notice. `cursor` is the row's position.
 */
export const toEvents = (row: JournalRow, cursor: Cursor, tenantId: TenantId | undefined): Array<FeedEvent> => {
  const { at, entityId, entityType, events, fault, isLarge = false, seq } = row
  const envelope = { cursor, entityType, entityId, seq, timestamp: at }
  if (fault !== undefined) return [skippedNotice(envelope, fault)]
  if (events === null) return []
  if (!isEntry(events)) return [skippedNotice(envelope, "unknown_shape")]
  return events.flatMap(({ _tag, secret: _, ...payload }) => {
    if (!isPublicTag(_tag) || (tenantId !== undefined && payload["tenantId"] !== tenantId)) return []
    const event: FeedEvent = {
      cursor,
      type: _tag,
      timestamp: at,
      ...(typeof payload["tenantId"] === "string" ? { tenantId: payload["tenantId"] as TenantId } : {}),
      entityType,
      entityId,
      seq,
      payload
    }
    return [isLarge ? shortened(event) : event]
  })
}
