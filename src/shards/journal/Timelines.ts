/**
 * Timelines keep the order of the journal across database servers. A row's `tx` is the id of the transaction that wrote
 * it, and transaction ids of different servers are not comparable: after a dump and restore, or after a standby was
 * promoted, the new server's ids may be lower or higher. The rows of each server therefore have a timeline of their
 * own, whose number is stored above the transaction id (`timeline << 48 | id`): rows of a former server sort before all
 * later rows, and below every transaction that is open now.
 *
 * Commits do no extra work for this: the timeline is in the column's default, which is changed when a starting process
 * finds that the database runs on another server than the timeline belongs to. A server is identified by its system
 * identifier and its PostgreSQL timeline (which a promotion and a point-in-time recovery change); in addition, rows of
 * transactions that this server has not begun indicate another server.
 *
 * `mark` is drawn at random for each timeline and is part of every cursor, so that cursors of other clusters, and of
 * other copies of this one, are recognized.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import { SqlError } from "effect/sql"
import { feedNow } from "../reads/feed/Position.ts"

/** The journal cannot be ordered on this server until an operator does what `message` says. Nothing was changed. */
export class TimelineFailed extends Schema.TaggedError<TimelineFailed>()("TimelineFailed", {
  message: Schema.String
}) {}

const lockKey = 7_373_009

const identity = `
  SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' ||
    substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS server`

/** `foreign`: whether the newest row is of a transaction that this server has not begun. */
const look = `
  SELECT n.timeline, f.server,
    l.tx::text::bigint >= (n.timeline::bigint << 48) + pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS foreign
  FROM (${feedNow}) AS n CROSS JOIN clawster_feed f
  CROSS JOIN LATERAL (
    SELECT coalesce((SELECT tx FROM clawster_journal ORDER BY tx DESC, position DESC LIMIT 1), '0') AS tx
  ) AS l`

interface Found {
  readonly timeline: number
  readonly server: string | null
  readonly foreign: boolean
}

/**
 * Undefined when the server does not reveal its identity. Another server is then detected only by rows of transactions
 * that lie in its future.
 */
const serverOf = (sql: PgClient.PgClient) =>
  sql.unsafe<{ server: string }>(identity).pipe(
    Effect.map(([row]) => row?.server),
    Effect.catch((error) =>
      Effect.as(Effect.logDebug("The database server does not tell which one it is", error), undefined)
    )
  )

const isOther = ({ foreign, server }: Found, here: string | undefined): boolean =>
  foreign || (server !== null && here !== undefined && server !== here)

const find = (sql: PgClient.PgClient) => Effect.map(sql.unsafe<Found>(look), (rows) => rows[0]!)

const begin = Effect.fnUntraced(function* (sql: PgClient.PgClient, { timeline }: Found, here: string | undefined) {
  const next = timeline + 1
  yield* sql.unsafe(
    `UPDATE clawster_timelines t SET (last_tx, last_position) = (
       SELECT tx, position FROM (
         (SELECT tx, position FROM clawster_journal ORDER BY tx DESC, position DESC LIMIT 1)
         UNION ALL SELECT pruned_tx, pruned_position FROM clawster_feed
       ) AS ends ORDER BY tx DESC, position DESC LIMIT 1)
     WHERE timeline = $1::int`,
    [timeline]
  )
  yield* sql.unsafe(
    `INSERT INTO clawster_timelines (timeline, mark) VALUES ($1::int, 10000 + floor(random() * 90000)::int)`,
    [next]
  )
  yield* sql.unsafe(`UPDATE clawster_feed SET timeline = $1::int, server = $2::text`, [next, here ?? null])
  yield* sql.unsafe(`
    ALTER TABLE clawster_journal ALTER COLUMN tx
    SET DEFAULT (pg_current_xact_id()::text::bigint + (${next}::bigint << 48))::text::xid8`)
  yield* Effect.logWarning(
    "The database is on another server than before; the feed goes on there in a new timeline"
  ).pipe(Effect.annotateLogs({ event: "feed.timeline_began", timeline: next }))
})

/**
 * Locks the table exclusively: it waits for running writers and blocks new ones, so the last row of the former timeline
 * is final.
 */
const move = (sql: PgClient.PgClient, here: string | undefined) =>
  sql.withTransaction(
    Effect.gen(function* () {
      yield* sql.unsafe(`SELECT pg_advisory_xact_lock(${lockKey})`)
      yield* sql.unsafe(`LOCK TABLE clawster_journal IN ACCESS EXCLUSIVE MODE`)
      const found = yield* find(sql)
      if (isOther(found, here)) yield* begin(sql, found, here)
      else yield* sql.unsafe(`UPDATE clawster_feed SET server = $1::text WHERE server IS NULL`, [here ?? null])
    })
  )

const codeOf = ({ reason }: SqlError.SqlError): string | undefined =>
  (reason.cause as { readonly code?: string } | undefined)?.code

const told = (error: SqlError.SqlError): TimelineFailed | SqlError.SqlError => {
  switch (codeOf(error)) {
    case "42P01":
      return new TimelineFailed({ message: "the database is of an older version: run `clawster migrate` first" })
    case "42501":
      return new TimelineFailed({
        message:
          "the database is on another server than before, and this role does not own its tables: run `clawster migrate` as their owner"
      })
    default:
      return error
  }
}

/**
 * Begins a new timeline when the database runs on another server than the current timeline belongs to; several
 * processes at once begin only one. Success: rows written from now on sort after all existing rows. Failure: nothing
 * was changed.
 */
export const ensure = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const here = yield* serverOf(sql)
  const found = yield* find(sql)
  if (isOther(found, here) || (found.server === null && here !== undefined)) yield* move(sql, here)
}).pipe(Effect.mapError((error) => (error instanceof SqlError.SqlError ? told(error) : error)))
