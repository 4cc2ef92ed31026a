/**
 * Pages of the journal, bounded in rows and in bytes.
 *
 * A few large entries must neither fill the memory of their reader nor exceed one message of the database. A page is
 * therefore read without its large events, whose stored sizes cost nothing to learn. The large events are then read by
 * themselves, up to a limit, and the page ends there. An entry that is too large for a message is always returned
 * without its events.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import { feedNow, lastSettled, type Position } from "./Position.ts"

/**
 * Events that are stored in at most this many bytes, without compression, are read with their page. Compression begins
 * at rows of 2 KiB.
 */
const smallBytes = 2_048
/** Maximum bytes of the large events of one page, as text. A single entry may exceed it. */
const pageBytes = 8_388_608
/** The same limit for the events as they are stored, which may be compressed. */
const storedBytes = 2_097_152
/**
 * Maximum bytes of an entry's events, as text. A larger entry comes without its events. The limit is well below the
 * largest message of the database (Database.ts).
 */
export const entryBytes = 8_388_608

export interface JournalRow extends Position {
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  /** The events as stored. Null when the page's reader does not want them, or because of the `fault`. */
  readonly events: unknown
  readonly fault?: "too_large" | "unreadable"
  /** Whether the events were read by themselves. */
  readonly isLarge?: boolean
}

/** The state of the feed when a page was read. */
export interface FeedState {
  readonly timeline: number
  /** The last settled row: a page that has all rows has read up to there. */
  readonly last: Position
  /** The last row that was removed. */
  readonly pruned: Position
}

export interface JournalPage {
  readonly rows: ReadonlyArray<JournalRow>
  /** Whether these are all rows that there are: none was left out because of the page's limits. */
  readonly isAll: boolean
  readonly state: FeedState
}

interface Answered extends Position {
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  readonly at: number
  readonly isWanted: boolean
  readonly events: unknown
}

interface StateRow {
  readonly events: readonly [
    timeline: number,
    lastTx: string,
    lastPosition: string,
    prunedTx: string,
    prunedPosition: string
  ]
}

const wantedEvents = `p.wanted,
    CASE WHEN p.wanted AND pg_column_size(p.events) <= ${smallBytes} AND pg_column_compression(p.events) IS NULL THEN p.events END`
const noEvents = "false, NULL::json"

/** The first row carries the feed's state in place of events. */
const statement = (source: string, events = wantedEvents) => `
  WITH n AS MATERIALIZED (${feedNow} LIMIT 1)
  SELECT NULL::text AS tx, NULL::text AS position, NULL::text AS "entityType", NULL::text AS "entityId", NULL::float8 AS seq, NULL::float8 AS at,
    NULL::bool AS "isWanted",
    json_build_array(n.timeline, l.tx::text, l.position::text, n.pruned_tx::text, n.pruned_position::text) AS events
  FROM n CROSS JOIN LATERAL (${lastSettled}) AS l
  UNION ALL
  SELECT p.tx::text, p.position::text, p.entity_type, p.entity_id, p.seq::float8, p.at::float8, ${events}
  FROM (${source}) AS p`

/** What a source selects from the journal, as `j`, beside `wanted`: whether the reader wants the row's events. */
export const columns = "j.tx, j.position, j.entity_type, j.entity_id, j.seq, j.at, j.events"
/** The rows that a source may return: after the position `$2`, `$3`, and settled. */
export const after = "(j.tx, j.position) > ($2::text::xid8, $3::bigint) AND j.tx < (SELECT open FROM n)"
/** In the feed's order, at most `$1` rows. */
export const inOrder = "ORDER BY j.tx, j.position LIMIT $1::int"

/** A query that returns rows in the feed's order, made of the parts above. Further parameters begin with `$4`. */
export interface Source {
  readonly whole: string
  readonly keys: string
}

export const makeSource = (query: string): Source => ({ whole: statement(query), keys: statement(query, noEvents) })

/**
 * Reads large events. `$1`, `$2`: transaction ids and positions of the rows, in order, separated by spaces. Rows beyond
 * the limits are left out: first by stored size, so that only few are decompressed, then by size as text. The first row
 * is never left out.
 */
const large = `
  SELECT z.tx::text AS tx, z.position::text AS position, CASE WHEN z.bytes <= ${entryBytes} THEN z.events END AS events
  FROM (
    SELECT y.*, sum(y.bytes) OVER (ORDER BY y.n) - y.bytes AS before
    FROM (
      SELECT k.tx, k.position, k.n, k.events, octet_length(k.events::text) AS bytes
      FROM (
        SELECT i.tx, i.position, i.events, x.n, sum(pg_column_size(i.events)) OVER (ORDER BY x.n) - pg_column_size(i.events) AS before
        FROM unnest(string_to_array($1::text, ' ')::xid8[], string_to_array($2::text, ' ')::bigint[]) WITH ORDINALITY AS x(tx, position, n)
        JOIN clawster_journal i ON i.tx = x.tx AND i.position = x.position
      ) AS k
      WHERE k.before < ${storedBytes}
    ) AS y
  ) AS z WHERE z.before < ${pageBytes} ORDER BY z.n`

const keyOf = ({ position, tx }: Position): string => `${tx} ${position}`

const bodiesOf = (sql: PgClient.PgClient, rows: ReadonlyArray<Position>) =>
  rows.length === 0
    ? Effect.succeed(new Map<string, unknown>())
    : Effect.map(
        sql.unsafe<Position & { readonly events: unknown }>(large, [
          rows.map(({ tx }) => tx).join(" "),
          rows.map(({ position }) => position).join(" ")
        ]),
        (bodies) => new Map(bodies.map((body) => [keyOf(body), body.events]))
      )

const toState = ([timeline, lastTx, lastPosition, prunedTx, prunedPosition]: StateRow["events"]): FeedState => ({
  timeline,
  last: { tx: lastTx, position: lastPosition },
  pruned: { tx: prunedTx, position: prunedPosition }
})

const tooLarge = { fault: "too_large" } as const

/** The rows up to the first large row whose events were left out. */
const withBodies = (found: ReadonlyArray<Answered>, bodies: ReadonlyMap<string, unknown>) => {
  const rows: Array<JournalRow> = []
  for (const row of found) {
    const isLarge = row.isWanted && row.events === null
    const events = isLarge ? bodies.get(keyOf(row)) : row.events
    if (events === undefined) break
    rows.push(isLarge ? { ...row, events, isLarge, ...(events === null ? tooLarge : {}) } : row)
  }
  return rows
}

type Ask<A> = (rows: number) => Effect.Effect<A, SqlError.SqlError>

/**
 * Rows of the source after `place`, oldest first, at most `most`; at least one when there is any. Rows that the reader
 * does not want come without events.
 *
 * Reading makes progress whatever a row contains: when a page cannot be read, its first row is read alone, and when
 * that fails, only its key is read. While the database does not answer at all, this last read fails with `SqlError`,
 * too.
 */
export const read = (
  sql: PgClient.PgClient,
  source: Source,
  place: Position,
  most: number,
  parameters: ReadonlyArray<unknown> = []
): Effect.Effect<JournalPage, SqlError.SqlError> => {
  const answered = (text: string, rows: number) =>
    Effect.map(
      sql.unsafe<Answered | StateRow>(text, [rows, place.tx, place.position, ...parameters]),
      ([first, ...found]) => ({
        state: toState((first as StateRow).events),
        found: found as ReadonlyArray<Answered>
      })
    )
  const whole: Ask<JournalPage> = Effect.fnUntraced(function* (rows) {
    const { found, state } = yield* answered(source.whole, rows)
    const bodies = yield* bodiesOf(
      sql,
      found.filter(({ events, isWanted }) => isWanted && events === null)
    )
    const kept = withBodies(found, bodies)
    return { rows: kept, isAll: kept.length === found.length && found.length < rows, state }
  })
  const key = Effect.map(answered(source.keys, 1), ({ found, state }): JournalPage => ({
    rows: found.map((row) => ({ ...row, fault: "unreadable" })),
    isAll: found.length === 0,
    state
  }))
  return whole(most).pipe(
    Effect.catch(() => whole(1)),
    Effect.catch(() => key)
  )
}
