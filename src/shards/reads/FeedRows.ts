/** Journal rows as events that clients see. */
import type { FeedEvent } from "../../schema/Feed.ts"
import type { TenantId } from "../../schema/Ids.ts"
import { toCursor } from "./Position.ts"

export interface FeedRow {
  readonly tx: string
  readonly position: string
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly events: ReadonlyArray<{ readonly _tag: string; readonly [field: string]: any }>
}

export const rowColumns = `tx::text AS tx, position::text AS position, entity_type AS "entityType", entity_id AS "entityId",
  seq::float8 AS seq, at::float8 AS at`

const isPublic = (tag: string): boolean => !tag.includes(".internal_")

/** Without internal events and secrets, and without those of other tenants when one is named. */
export const toEvents = (row: FeedRow, tenantId: TenantId | undefined): Array<FeedEvent> =>
  row.events.flatMap(({ _tag, secret: _, ...payload }) => {
    if (!isPublic(_tag) || (tenantId !== undefined && payload["tenantId"] !== tenantId)) return []
    return [
      {
        cursor: toCursor(row),
        type: _tag,
        timestamp: row.at,
        ...(typeof payload["tenantId"] === "string" ? { tenantId: payload["tenantId"] as TenantId } : {}),
        entityType: row.entityType,
        entityId: row.entityId,
        seq: row.seq,
        payload
      }
    ]
  })
