/**
 * What the tables weigh on disk, and how they are filled with a past: copies of rows that a real run has left, under
 * other ids and with earlier times.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, type Redacted } from "effect"

export const withSql = <A, E>(url: Redacted.Redacted, use: (sql: PgClient.PgClient) => Effect.Effect<A, E>) =>
  Effect.flatMap(PgClient.PgClient, use).pipe(Effect.provide(PgClient.layer({ url, maxConnections: 1 })))

export interface TableSize {
  readonly table: string
  /** Bytes, indexes and TOAST included. */
  readonly bytes: number
}

export const sizes = (sql: PgClient.PgClient) =>
  sql.unsafe<TableSize>(
    `SELECT relname AS "table", pg_total_relation_size(oid)::float8 AS bytes FROM pg_class
     WHERE relkind = 'r' AND relname LIKE 'clawster\\_%' ORDER BY 2 DESC`
  )

export const totalOf = (tables: ReadonlyArray<TableSize>): number => tables.reduce((sum, { bytes }) => sum + bytes, 0)

const rowsAnInsert = 50_000

interface Past {
  readonly rows: number
  /** Unix milliseconds of the first row, and of the end of the last. */
  readonly from: number
  readonly until: number
  /** Marks the ids of these copies. */
  readonly name: string
}

const inChunks = (
  { from, rows, until }: Past,
  insert: (first: number, count: number, at: string) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const step = (until - from) / rows
    for (let first = 0; first < rows; first += rowsAnInsert) {
      yield* insert(first, Math.min(rowsAnInsert, rows - first), `(${from} + n * ${step})::bigint`)
    }
  }).pipe(Effect.orDie)

/** Journal rows of `actors` actors of each type, in the order of time, behind a snapshot each. */
export const copyJournal = (sql: PgClient.PgClient, past: Past, actors: number) =>
  Effect.gen(function* () {
    const { name } = past
    yield* sql.unsafe(
      `CREATE TEMP TABLE model AS SELECT row_number() OVER (ORDER BY position) - 1 AS i, * FROM clawster_journal
       WHERE entity_id NOT LIKE 'past-%' ORDER BY position LIMIT 2000`
    )
    yield* inChunks(past, (first, count, at) =>
      sql.unsafe(
        `INSERT INTO clawster_journal
           (entity_type, entity_id, seq, shard_id, epoch, request_id, command, payload_hash, events, answer, at)
         SELECT m.entity_type, 'past-${name}-' || n % ${actors}, n / ${actors} + 1, m.shard_id, m.epoch,
           'past-${name}-' || n, m.command, m.payload_hash, m.events, m.answer, ${at}
         FROM generate_series(${first}, ${first + count - 1}) AS n
         JOIN model m ON m.i = n % (SELECT count(*) FROM model) ORDER BY n`
      )
    )
    yield* sql.unsafe(
      `INSERT INTO clawster_snapshots (entity_type, entity_id, seq, version, state)
       SELECT m.entity_type, 'past-${name}-' || a, ${Math.ceil(past.rows / actors)}, 1, '{}'::json
       FROM (SELECT DISTINCT entity_type FROM model) AS m, generate_series(0, ${actors - 1}) AS a`
    )
    yield* sql.unsafe("DROP TABLE model")
  }).pipe(Effect.orDie)

/** Ended tasks, each submitted and started a second before its end. */
export const copyTasks = (sql: PgClient.PgClient, past: Past) =>
  Effect.gen(function* () {
    const { name } = past
    yield* sql.unsafe(
      `CREATE TEMP TABLE model AS SELECT row_number() OVER () - 1 AS i, * FROM clawster_tasks
       WHERE phase = 'completed' LIMIT 500`
    )
    yield* inChunks(past, (first, count, at) =>
      sql.unsafe(
        `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, submitted_at,
           started_at, ended_at, instance_id, spec, result, because, updated_at)
         SELECT m.tenant_id, 'past-${name}-' || n, m.lane, m.phase, m.priority, m.rank, m.attempt, m.max_attempts,
           ${at} - 1000, ${at} - 1000, ${at}, m.instance_id, m.spec, m.result, m.because, ${at}
         FROM generate_series(${first}, ${first + count - 1}) AS n
         JOIN model m ON m.i = n % (SELECT count(*) FROM model) ORDER BY n`
      )
    )
    yield* sql.unsafe("DROP TABLE model")
  }).pipe(Effect.orDie)
