/**
 * Reads the views that actors write with their commits. Views of instances are adjusted by their liveness
 * (schema/Liveness.ts).
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { type Page, type PageOptions, ViewReads } from "../../ports/Reads.ts"
import type { Cursor } from "../../schema/feed/Feed.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import { LaneStatus } from "../../schema/Lane.ts"
import { SessionStatus } from "../../schema/Session.ts"
import * as Liveness from "./Liveness.ts"
import { settled } from "./feed/Position.ts"
import * as Readable from "./Readable.ts"
import { unavailable } from "./Unavailable.ts"

interface Row {
  readonly entityId: string
  readonly doc: unknown
  readonly at: Cursor
}

type SeenRow = Omit<Row, "at"> & Liveness.LivenessRow

const keyOf = ({ entityId }: { readonly entityId: string }): string => entityId

type Having = Parameters<ViewReads["Service"]["lanes"]>[0]["having"]

const hasSome = (having: Having): string =>
  having === undefined ? "true" : `(${having.map((count) => Readable.numberIn("doc", count)).join(" + ")}) > 0`

const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient

  const seen = (row: SeenRow) =>
    Effect.map(Liveness.statuses.decode(row.entityId, row.doc), (status) => status && Liveness.seen(status, row))

  const list = <A>(entityType: string, { decodeAll }: Readable.Readable<A>, condition = "true") =>
    Effect.fnUntraced(function* ({ after, limit, tenantId }: PageOptions) {
      const rows = yield* sql.unsafe<Row>(
        `SELECT v.entity_id AS "entityId", v.doc, p.at
           FROM (SELECT ${settled} AS at) p
           LEFT JOIN LATERAL (
             SELECT entity_id, doc FROM clawster_views
             WHERE entity_type = $1::text AND ($2::text IS NULL OR tenant_id = $2::text) AND entity_id > $3::text
               AND ${condition}
             ORDER BY entity_id LIMIT $4::int
           ) v ON true`,
        [entityType, tenantId ?? null, after ?? "", limit + 1]
      )
      const found = rows.filter(({ entityId }) => entityId !== null)
      const shown = found.slice(0, limit)
      return {
        items: yield* decodeAll(shown, keyOf, ({ doc }) => doc),
        position: rows[0]!.at,
        ...(found.length > limit ? { next: shown.at(-1)!.entityId } : {})
      } satisfies Page<A>
    }, unavailable)

  const instances = Effect.fnUntraced(function* ({ after, limit, tenantId }: PageOptions) {
    const rows = yield* sql.unsafe<SeenRow & { readonly at: Cursor }>(
      `WITH ${Liveness.servedPlacements}
         SELECT v.entity_id AS "entityId", v.doc, v."isServed", v."silentMillis", v.now, p.at
         FROM (SELECT ${settled} AS at) p
         LEFT JOIN LATERAL (
           SELECT v.entity_id, v.doc, ${Liveness.livenessColumns} FROM clawster_views v ${Liveness.heartbeatJoin}
           WHERE v.entity_type = 'Instance' AND ($1::text IS NULL OR v.tenant_id = $1::text) AND v.entity_id > $2::text
             AND NOT ${Liveness.isRetired}
           ORDER BY v.entity_id LIMIT $3::int
         ) v ON true`,
      [tenantId ?? null, after ?? "", limit + 1]
    )
    const found = rows.filter(({ entityId }) => entityId !== null)
    return {
      items: (yield* Effect.forEach(found.slice(0, limit), seen)).filter((status) => status !== undefined),
      position: rows[0]!.at,
      ...(found.length > limit ? { next: found[limit - 1]!.entityId } : {})
    } satisfies Page<InstanceStatus>
  }, unavailable)

  const sessions = Readable.make("view of a session", SessionStatus)
  const lanes = Readable.make("view of a lane", LaneStatus)
  return ViewReads.of({
    instances,
    instance: (instanceId) =>
      sql
        .unsafe<SeenRow>(
          `WITH ${Liveness.servedPlacements}
         SELECT v.entity_id AS "entityId", v.doc, ${Liveness.livenessColumns}
         FROM clawster_views v ${Liveness.heartbeatJoin}
         WHERE v.entity_type = 'Instance' AND split_part(v.entity_id, '/', 2) = $1::text AND NOT ${Liveness.isRetired}
         LIMIT 1`,
          [instanceId]
        )
        .pipe(
          Effect.flatMap(([row]) => (row === undefined ? Effect.undefined : seen(row))),
          unavailable
        ),
    cluster: sql
      .unsafe<{ readonly name: string }>(
        "SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') AS name FROM clawster_migrations ORDER BY migration_id LIMIT 1"
      )
      .pipe(
        Effect.map((rows) => rows[0]!.name),
        unavailable
      ),
    sessions: list("Session", sessions),
    lanes: ({ having, ...options }) => list("Lane", lanes, hasSome(having))(options)
  })
})

export const layer = Layer.effect(ViewReads, make)
