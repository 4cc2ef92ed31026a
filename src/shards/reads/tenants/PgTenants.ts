/** What operators have set of tenants, and what tenants have, from the views of their actors. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { TenantReads } from "../../../ports/tenants/TenantReads.ts"
import { Tenants } from "../../../ports/tenants/Tenants.ts"
import { TenantRecord, type TenantUsage } from "../../../schema/Tenant.ts"
import * as DocumentDecoder from "../DocumentDecoder.ts"
import { unavailable } from "../StoreUnavailable.ts"
import * as TenantPoll from "./TenantPoll.ts"

/** Far above what one deployment has. Beyond it, what was set of the tenants with the last ids does not hold. */
const tenantsMost = 100_000

/** Each write gives its view a later revision, so this differs after every change. */
const revisionStatement = `SELECT count(*)::text || ' ' || coalesce(sum(revision), 0)::text AS revision
  FROM clawster_views WHERE entity_type = 'Tenant'`

const recordsStatement = `SELECT entity_id AS id, doc FROM clawster_views WHERE entity_type = 'Tenant'
  ORDER BY entity_id LIMIT ${tenantsMost}`

const tenants = Layer.effect(
  Tenants,
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const documents = DocumentDecoder.make("tenant", TenantRecord, "stored")
    return yield* TenantPoll.make({
      revision: Effect.map(sql.unsafe<{ readonly revision: string }>(revisionStatement), ([row]) => row!.revision),
      records: Effect.flatMap(sql.unsafe<{ readonly id: string; readonly doc: unknown }>(recordsStatement), (rows) =>
        documents.decodeAll(
          rows,
          ({ id }) => id,
          ({ doc }) => doc
        )
      )
    })
  })
)

const isOf = (type: "Lane" | "Session") => `entity_type = '${type}'`
const sum = (type: "Lane" | "Session", field: string, as = field) =>
  `coalesce(sum(${DocumentDecoder.numberIn("doc", `'${field}'`)}) FILTER (WHERE ${isOf(type)}), 0)::float8 AS "${as}"`

const phase = `CASE WHEN ${DocumentDecoder.isPlain("doc")} THEN doc ->> 'phase' END`

const laneFields = ["pending", "scheduled", "running", "completed", "failed", "cancelled", "deadLettered"]

const usageStatement = `SELECT
    count(*) FILTER (WHERE ${isOf("Lane")})::float8 AS lanes,
    ${laneFields.map((field) => sum("Lane", field)).join(",\n    ")},
    count(*) FILTER (WHERE ${isOf("Session")} AND ${phase} IS DISTINCT FROM 'closed')::float8 AS sessions,
    count(*) FILTER (WHERE ${isOf("Session")} AND ${phase} = 'active')::float8 AS "activeSessions",
    ${sum("Session", "queued", "queuedTurns")}
  FROM clawster_views WHERE entity_type IN ('Lane', 'Session') AND tenant_id = $1::text`

const openSessionsStatement = `SELECT count(*)::float8 AS sessions FROM clawster_views
  WHERE ${isOf("Session")} AND ${phase} IS DISTINCT FROM 'closed'`

const reads = Layer.effect(
  TenantReads,
  Effect.map(PgClient.PgClient, (sql) =>
    TenantReads.of({
      openSessions: unavailable(
        Effect.map(sql.unsafe<{ readonly sessions: number }>(openSessionsStatement), ([row]) => row!.sessions)
      ),
      usage: (tenantId) => unavailable(Effect.map(sql.unsafe<TenantUsage>(usageStatement, [tenantId]), ([row]) => row!))
    })
  )
)

/** Requires the database alone. */
export const layer = Layer.merge(tenants, reads)
