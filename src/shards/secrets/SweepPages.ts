/**
 * Reads stored events and states page by page, and replaces one of them when it still is what was read. Replacing needs
 * no epoch: what an entry or a snapshot says stays the same, and whatever was written meanwhile wins.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"

/** Rows per look. Snapshots may be large. */
const entriesALook = 1_000
const snapshotsALook = 16

export interface Place {
  readonly entityId: string
  readonly seq: number
}

export const start: Place = { entityId: "", seq: 0 }

export interface Row extends Place {
  /** JSON; null when the row certainly has no secret. */
  readonly text: string | null
}

export interface Page {
  readonly rows: ReadonlyArray<Row>
  /** Where the next page begins; undefined after the last. */
  readonly next: Place | undefined
}

export interface SecretRows {
  readonly page: (entityType: string, after: Place) => Effect.Effect<Page, unknown>
  /** False: the row is no longer what was read. */
  readonly replace: (entityType: string, row: Place, before: string, after: string) => Effect.Effect<boolean, unknown>
}

const pageOf = (rows: ReadonlyArray<Row>, most: number): Page => ({
  rows,
  next: rows.length < most ? undefined : rows.at(-1)
})

const replaced = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0

/** `tags`: the events that may have secrets; undefined when any may. */
export const entries = (sql: PgClient.PgClient, tags: ReadonlyArray<string> | undefined): SecretRows => ({
  page: (entityType, { entityId, seq }) =>
    Effect.map(
      sql.unsafe<Row>(
        `SELECT entity_id AS "entityId", seq::float8 AS seq, CASE WHEN EXISTS (
           SELECT FROM json_array_elements_text($4::text::json) AS tag WHERE position(tag IN events::text) > 0
         ) THEN events::text END AS text
         FROM clawster_journal WHERE entity_type = $1::text AND (entity_id, seq) > ($2::text, $3::bigint)
         ORDER BY entity_id, seq LIMIT ${entriesALook}`,
        [entityType, entityId, seq, JSON.stringify(tags?.map((tag) => JSON.stringify(tag)) ?? [""])]
      ),
      (rows) => pageOf(rows, entriesALook)
    ),
  replace: (entityType, { entityId, seq }, before, after) =>
    Effect.map(
      sql.unsafe(
        `UPDATE clawster_journal SET events = $5::text::json
         WHERE entity_type = $1::text AND entity_id = $2::text AND seq = $3::bigint AND events::text = $4::text RETURNING 1`,
        [entityType, entityId, seq, before, after]
      ),
      replaced
    )
})

export const snapshots = (sql: PgClient.PgClient): SecretRows => ({
  page: (entityType, { entityId }) =>
    Effect.map(
      sql.unsafe<Row>(
        `SELECT entity_id AS "entityId", seq::float8 AS seq, state::text AS text FROM clawster_snapshots
         WHERE entity_type = $1::text AND entity_id > $2::text ORDER BY entity_id LIMIT ${snapshotsALook}`,
        [entityType, entityId]
      ),
      (rows) => pageOf(rows, snapshotsALook)
    ),
  replace: (entityType, { entityId, seq }, before, after) =>
    Effect.map(
      sql.unsafe(
        `UPDATE clawster_snapshots SET state = $5::text::json
         WHERE entity_type = $1::text AND entity_id = $2::text AND seq = $3::bigint AND state::text = $4::text RETURNING 1`,
        [entityType, entityId, seq, before, after]
      ),
      replaced
    )
})

/** The entity types of which anything is stored. Skips from one type to the next by the primary keys. */
export const entityTypes = (sql: PgClient.PgClient) =>
  Effect.map(
    sql.unsafe<{ readonly type: string }>(
      `WITH RECURSIVE types(type) AS (
         SELECT least((SELECT min(entity_type) FROM clawster_journal), (SELECT min(entity_type) FROM clawster_snapshots))
         UNION ALL
         SELECT least((SELECT min(entity_type) FROM clawster_journal WHERE entity_type > type),
           (SELECT min(entity_type) FROM clawster_snapshots WHERE entity_type > type))
         FROM types WHERE type IS NOT NULL
       ) SELECT type FROM types WHERE type IS NOT NULL`
    ),
    (rows) => rows.map(({ type }) => type)
  )
