/** The doctor's queries to the database. Reads only. */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect } from "effect"
import * as SchemaVersion from "../SchemaVersion.ts"

export interface Diagnosis {
  readonly version: string
  readonly database: string
  readonly role: string
  readonly schema: string | null
  readonly mayCreate: boolean
  readonly isEncrypted: boolean
  readonly fsync: string
  readonly mostConnections: number
  readonly usedConnections: number
  readonly bytes: number
  /** The server's clock minus the local clock. */
  readonly clockAheadMillis: number
  readonly applied: number
  readonly newest: number
}

export const diagnose = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql.unsafe<Omit<Diagnosis, "clockAheadMillis" | "applied" | "newest">>(
    `SELECT current_setting('server_version') AS version, current_database() AS database, current_user AS role,
       current_schema() AS schema, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "mayCreate",
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS "isEncrypted",
       current_setting('fsync') AS fsync,
       (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::float8 AS "mostConnections",
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8 AS "usedConnections",
       pg_database_size(current_database())::float8 AS bytes`
  )
  const before = yield* Clock.currentTimeMillis
  const [clock] = yield* sql.unsafe<{ readonly now: number }>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`
  )
  const after = yield* Clock.currentTimeMillis
  return {
    ...row!,
    clockAheadMillis: Math.round(clock!.now - (before + after) / 2),
    applied: yield* SchemaVersion.applied,
    newest: yield* SchemaVersion.newest
  } satisfies Diagnosis as Diagnosis
})

export interface KnownRunner {
  readonly address: string
  readonly isHealthy: boolean
}

/** The registered runners, ordered by address; at most 100. */
export const runners = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<KnownRunner>(
    `SELECT address, healthy AND lease_until > clock_timestamp() AS "isHealthy" FROM clawster_runners ORDER BY address LIMIT 100`
  )
)
