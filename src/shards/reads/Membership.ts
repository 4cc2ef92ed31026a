/** What the store says of the cluster, for probes and overviews. */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"

export const ping = Effect.flatMap(PgClient.PgClient, (sql) => Effect.asVoid(sql.unsafe("SELECT 1")))

export const runners = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ readonly registered: number; readonly healthy: number }>(
    `SELECT count(*)::float8 AS registered,
       (count(*) FILTER (WHERE healthy AND lease_until > clock_timestamp()))::float8 AS healthy
     FROM clawster_runners`
  )).pipe(Effect.map((rows) => rows[0]!))

/** Shards that a live runner owns. */
export const owned = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ readonly shards: number; readonly runners: number }>(
    `SELECT count(*)::float8 AS shards, count(DISTINCT r.address)::float8 AS runners FROM clawster_shards s
     JOIN clawster_runners r ON r.address = s.owner WHERE r.healthy AND r.lease_until > clock_timestamp()`
  )).pipe(Effect.map((rows) => rows[0]!))
