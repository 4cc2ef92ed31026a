/** The state of the cluster according to the store, for probes and overviews. */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { DatabaseFault, faultOf } from "../postgres/DatabaseFault.ts"

const tables = [
  "clawster_journal",
  "clawster_tasks",
  "clawster_views",
  "clawster_wakes",
  "clawster_outbox",
  "clawster_shards",
  "clawster_runners",
  "clawster_placements"
]

interface Found {
  readonly isReadOnly: boolean
  readonly missing: string | null
  readonly denied: string | null
}

const fault = (code: string, message: string, advice: string) =>
  Effect.fail(new DatabaseFault({ code, message, advice }))

/**
 * Checks that calls can be served: the database answers, can be written, has Clawster's tables, and lets this role read
 * and write them. Fails with `DatabaseFault` when one of these does not hold.
 */
export const ping = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<Found>(
    `SELECT current_setting('transaction_read_only') = 'on' AS "isReadOnly",
       string_agg(name, ', ') FILTER (WHERE id IS NULL) AS missing,
       string_agg(name, ', ') FILTER (WHERE NOT (has_table_privilege(id, 'SELECT') AND has_table_privilege(id, 'INSERT')
         AND has_table_privilege(id, 'UPDATE') AND has_table_privilege(id, 'DELETE'))) AS denied
     FROM (SELECT name, to_regclass(name) AS id FROM unnest($1::text[]) AS name) AS wanted`,
    [tables]
  )
).pipe(
  Effect.mapError((error) => faultOf(error)!),
  Effect.flatMap(([found]) => {
    const { denied, isReadOnly, missing } = found!
    if (isReadOnly) return fault("25006", "the database is a standby or read-only", "name the primary in DATABASE_URL")
    if (missing !== null) return fault("42P01", `the database has no ${missing}`, "run clawster migrate")
    return denied === null
      ? Effect.void
      : fault(
          "42501",
          `this role may not read and write ${denied}`,
          "use the role that owns the tables, or GRANT it the rights"
        )
  })
)

export const runners = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ readonly registered: number; readonly healthy: number }>(
    `SELECT count(*)::float8 AS registered,
       (count(*) FILTER (WHERE healthy AND lease_until > clock_timestamp()))::float8 AS healthy
     FROM clawster_runners`
  )
).pipe(Effect.map((rows) => rows[0]!))

/** Number of shards that live runners own, and of the runners that own them. */
export const owned = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ readonly shards: number; readonly runners: number }>(
    `SELECT count(*)::float8 AS shards, count(DISTINCT r.address)::float8 AS runners FROM clawster_shards s
     JOIN clawster_runners r ON r.address = s.owner WHERE r.healthy AND r.lease_until > clock_timestamp()`
  )
).pipe(Effect.map((rows) => rows[0]!))
