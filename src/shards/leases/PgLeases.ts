/**
 * The statements of Leases.ts for PostgreSQL, whose clock decides whether a lease has expired.
 *
 * A runner whose lease has expired keeps its shards for a grace period, in which it may renew, unless its peers find it
 * silent (`disown`). It also keeps them in the first moments after PostgreSQL itself was started, since no runner could
 * renew before. Both only delay a move. A runner takes no calls once its own clock says that its lease has expired.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import { RunnerStorage } from "effect/cluster"
import { storedFormat } from "../../ports/runners/StoredFormats.ts"
import * as Leases from "./Leases.ts"
import { type Lease, LeaseMonitor } from "./LeaseMonitor.ts"

const lease = "lease_millis * interval '1 millisecond'"
/**
 * One renewal interval of the runner's own lease. A runner that is alive but disconnected from PostgreSQL keeps its
 * shards for this long beyond its lease before others take over.
 */
const grace = `${lease} / 4`
/** Two renewal intervals of the runner's own lease; at least 3 s, because recovery takes its time, too. */
const afterStart = `greatest(${lease} / 2, interval '3 seconds')`
/** SQL condition on a row of clawster_runners: the lease and its grace period have expired. */
export const isGone = `(lease_until + ${grace} < clock_timestamp() AND pg_postmaster_start_time() + ${afterStart} < clock_timestamp())`
/** Age at which the row of a runner that never unregistered is deleted. Its shards, if any, count as free. */
const forgottenAfter = "interval '1 day'"

/**
 * SQL that records when the placements of these rows of clawster_runners last had a runner, for the lists that show
 * what has no runner now (reads/Placements.ts). Ordered, so that runners that come and go at once do not block each
 * other.
 */
const remember = (rows: string, seenAt: string) =>
  `INSERT INTO clawster_placements AS p (placement, seen_at)
     SELECT g.placement, max(${seenAt}) FROM ${rows} r, json_array_elements_text(r.runner::json->'groups') AS g(placement)
     GROUP BY 1 ORDER BY 1
   ON CONFLICT (placement) DO UPDATE SET seen_at = greatest(p.seen_at, EXCLUDED.seen_at)`

/** The registration also says which stored events the runner reads (ports/runners/StoredFormats.ts). */
const withFormat = (runner: string): string => JSON.stringify({ ...JSON.parse(runner), storedFormat })

const statements = (sql: PgClient.PgClient): Leases.LeaseStatements => ({
  runners: sql.unsafe<{ runner: string; alive: boolean }>(
    `SELECT runner, healthy AND NOT ${isGone} AS alive FROM clawster_runners ORDER BY address`
  ),
  register: (address, runner, healthy, leaseMillis) =>
    sql
      .unsafe<{ machine_id: number }>(
        `WITH forgotten AS (
         DELETE FROM clawster_runners WHERE lease_until < clock_timestamp() - ${forgottenAfter} AND address <> $1::text
         RETURNING runner, lease_until
       ), replaced AS (
         SELECT runner, lease_until FROM forgotten
         UNION ALL SELECT runner, lease_until FROM clawster_runners WHERE address = $1::text
       ), remembered AS (
         ${remember("replaced", "least(r.lease_until, clock_timestamp())")}
       )
       INSERT INTO clawster_runners (address, runner, healthy, lease_until, lease_millis)
       VALUES ($1::text, $2::text, $3::boolean, clock_timestamp() + $4::int * interval '1 millisecond', $4::int)
       ON CONFLICT (address) DO UPDATE
         SET runner = EXCLUDED.runner, healthy = EXCLUDED.healthy, lease_until = EXCLUDED.lease_until,
           lease_millis = EXCLUDED.lease_millis
       RETURNING machine_id::float8 AS machine_id`,
        [address, withFormat(runner), healthy, leaseMillis]
      )
      .pipe(Effect.map((rows) => Number(rows[0]!.machine_id))),
  unregister: (address) =>
    Effect.asVoid(
      sql.unsafe(
        `WITH departed AS (DELETE FROM clawster_runners WHERE address = $1::text RETURNING runner)
         ${remember("departed", "clock_timestamp()")}`,
        [address]
      )
    ),
  setHealth: (address, healthy) =>
    Effect.asVoid(
      sql.unsafe(`UPDATE clawster_runners SET healthy = $2::boolean WHERE address = $1::text`, [address, healthy])
    ),
  createShards: (shardIds) =>
    Effect.asVoid(
      sql.unsafe(
        `INSERT INTO clawster_shards (shard_id, epoch, acquired_at)
       SELECT value, 0, now() FROM json_array_elements_text($1::text::json) AS value
       ON CONFLICT DO NOTHING`,
        [JSON.stringify(shardIds)]
      )
    ),
  take: (address, shardIds) =>
    sql.unsafe<{ shardId: string; epoch: number }>(
      `WITH free AS (
         SELECT s.shard_id FROM clawster_shards s
         LEFT JOIN clawster_runners r ON r.address = s.owner
         WHERE s.shard_id IN (SELECT json_array_elements_text($2::text::json))
           AND (s.owner IS NULL OR s.owner = $1::text OR r.address IS NULL OR NOT r.healthy OR ${isGone})
         ORDER BY s.shard_id
         FOR UPDATE OF s
       )
       UPDATE clawster_shards s
       SET owner = $1::text, epoch = s.epoch + 1, acquired_at = clock_timestamp()
       FROM free WHERE s.shard_id = free.shard_id
       RETURNING s.shard_id AS "shardId", s.epoch::float8 AS epoch`,
      [address, JSON.stringify(shardIds)]
    ),
  renew: (address, leaseMillis, lease) =>
    sql
      .unsafe<{ lease: string }>(
        `UPDATE clawster_runners SET lease_until = clock_timestamp() + $2::int * interval '1 millisecond'
       WHERE address = $1::text AND lease_until = $3::timestamptz
       RETURNING lease_until::text AS lease`,
        [address, leaseMillis, lease ?? "-infinity"]
      )
      .pipe(Effect.map((rows) => rows[0]?.lease)),
  leaseOf: (address) =>
    sql
      .unsafe<{ lease: string }>(`SELECT lease_until::text AS lease FROM clawster_runners WHERE address = $1::text`, [
        address
      ])
      .pipe(Effect.map((rows) => rows[0]?.lease)),
  shardsOf: (address) =>
    sql.unsafe<{ shardId: string; epoch: number }>(
      `SELECT shard_id AS "shardId", epoch::float8 AS epoch FROM clawster_shards WHERE owner = $1::text`,
      [address]
    ),
  release: (address, shardIds) =>
    Effect.asVoid(
      sql.unsafe(
        `WITH own AS (
         SELECT shard_id FROM clawster_shards
         WHERE shard_id IN (SELECT json_array_elements_text($2::text::json)) AND owner = $1::text
         ORDER BY shard_id FOR UPDATE
       )
       UPDATE clawster_shards s SET owner = NULL FROM own WHERE s.shard_id = own.shard_id`,
        [address, JSON.stringify(shardIds)]
      )
    ),
  releaseAll: (address) =>
    Effect.asVoid(sql.unsafe(`UPDATE clawster_shards SET owner = NULL WHERE owner = $1::text`, [address])),
  disclaim: (address, shards) =>
    Effect.asVoid(
      sql.unsafe(
        `UPDATE clawster_shards s SET owner = NULL
       FROM json_to_recordset($2::text::json) AS x("shardId" text, epoch bigint)
       WHERE s.shard_id = x."shardId" AND s.epoch = x.epoch AND s.owner = $1::text`,
        [address, JSON.stringify(shards)]
      )
    )
})

/** A lease is `late` when two of the four renewals that it has room for are missing. */
const watch = (sql: PgClient.PgClient): LeaseMonitor["Service"] => ({
  leases: sql.unsafe<Lease>(
    `SELECT address, healthy, CASE
       WHEN lease_until < clock_timestamp() THEN 'lapsed'
       WHEN lease_until < clock_timestamp() + ${lease} / 2 THEN 'late'
       ELSE 'kept' END AS state
     FROM clawster_runners`
  ),
  disown: (address) =>
    Effect.asVoid(
      sql.unsafe(
        `UPDATE clawster_runners SET healthy = false WHERE address = $1::text AND lease_until < clock_timestamp()
         AND pg_postmaster_start_time() + ${afterStart} < clock_timestamp()`,
        [address]
      )
    )
})

export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return Context.make(RunnerStorage.RunnerStorage, yield* Leases.make(statements(sql))).pipe(
      Context.add(LeaseMonitor, watch(sql))
    )
  })
)
