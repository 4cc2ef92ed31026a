/** Reads the views of instances, adjusted by their liveness (LivenessColumns.ts). */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { InstanceReads } from "../../ports/InstanceReads.ts"
import type { Page, PageOptions } from "../../ports/Reads.ts"
import type { Cursor } from "../../schema/feed/Feed.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import { settled } from "./feed/Position.ts"
import * as LivenessColumns from "./LivenessColumns.ts"
import { unavailable } from "./StoreUnavailable.ts"

interface Row extends LivenessColumns.LivenessRow {
  readonly entityId: string
  readonly doc: unknown
}

const listStatement = `WITH ${LivenessColumns.servedPlacements}
  SELECT v.entity_id AS "entityId", v.doc, v."isServed", v."silentMillis", v.now, p.at
  FROM (SELECT ${settled} AS at) p
  LEFT JOIN LATERAL (
    SELECT v.entity_id, v.doc, ${LivenessColumns.livenessColumns} FROM clawster_views v ${LivenessColumns.heartbeatJoin}
    WHERE v.entity_type = 'Instance' AND ($1::text IS NULL OR v.tenant_id = $1::text) AND v.entity_id > $2::text
      AND NOT ${LivenessColumns.isRetired}
    ORDER BY v.entity_id LIMIT $3::int
  ) v ON true`

const getStatement = `WITH ${LivenessColumns.servedPlacements}
  SELECT v.entity_id AS "entityId", v.doc, ${LivenessColumns.livenessColumns}
  FROM clawster_views v ${LivenessColumns.heartbeatJoin}
  WHERE v.entity_type = 'Instance' AND split_part(v.entity_id, '/', 2) = $1::text AND NOT ${LivenessColumns.isRetired}
  LIMIT 1`

const clusterStatement = `SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') AS name
  FROM clawster_migrations ORDER BY migration_id LIMIT 1`

const seen = (row: Row) =>
  Effect.map(
    LivenessColumns.statuses.decode(row.entityId, row.doc),
    (status) => status && LivenessColumns.seen(status, row)
  )

const make = Effect.map(PgClient.PgClient, (sql) =>
  InstanceReads.of({
    list: Effect.fnUntraced(function* ({ after, limit, tenantId }: PageOptions) {
      const parameters = [tenantId ?? null, after ?? "", limit + 1]
      const rows = yield* sql.unsafe<Row & { readonly at: Cursor }>(listStatement, parameters)
      const found = rows.filter(({ entityId }) => entityId !== null)
      const items = (yield* Effect.forEach(found.slice(0, limit), seen)).filter((status) => status !== undefined)
      const next = found.length > limit ? { next: found[limit - 1]!.entityId } : {}
      return { items, position: rows[0]!.at, ...next } satisfies Page<InstanceStatus>
    }, unavailable),
    get: Effect.fnUntraced(function* (instanceId: InstanceId) {
      const [row] = yield* sql.unsafe<Row>(getStatement, [instanceId])
      return row === undefined ? undefined : yield* seen(row)
    }, unavailable),
    cluster: unavailable(Effect.map(sql.unsafe<{ readonly name: string }>(clusterStatement), (rows) => rows[0]!.name))
  })
)

export const layer = Layer.effect(InstanceReads, make)
