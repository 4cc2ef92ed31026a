/**
 * The events of one task, read from the stretch of the feed that was written while it lived.
 *
 * Rows of the feed are in the order of their transactions, which is nearly that of their times, so the stretch is found by halving, a look at the feed's
 * index each, and read by the same index. Nothing is stored for it.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Page } from "../../entities/Reads.ts"
import type { Cursor, FeedEvent } from "../../schema/Feed.ts"
import type { TaskStatus } from "../../schema/Task.ts"
import { type FeedRow, rowColumns, toEvents } from "./FeedRows.ts"
import { fromCursor, settled, toCursor } from "./Position.ts"

/** How far the clocks of runners may be apart, and for how long after its end an instance may still speak of a task. */
const slackMillis = 10_000
const rowsARead = 1_000
/** Bounds one page: it may then be empty and still have a `next`. */
const readsAPage = 20

const xmin = "pg_snapshot_xmin(pg_current_snapshot())"

/** The first transaction whose rows are of `$1` (Unix milliseconds) or later; the lowest that is open when there is none. */
export const seekStatement = `
  WITH RECURSIVE seek(low, high) AS (
    SELECT coalesce((SELECT tx FROM clawster_journal ORDER BY tx, position LIMIT 1), ${xmin})::text::bigint, ${xmin}::text::bigint
    UNION ALL
    SELECT CASE WHEN found.at < $1::bigint THEN middle + 1 ELSE low END, CASE WHEN found.at < $1::bigint THEN high ELSE middle END
    FROM seek
    CROSS JOIN LATERAL (SELECT (low + high) / 2 AS middle) AS halved
    LEFT JOIN LATERAL (
      SELECT at FROM clawster_journal WHERE tx >= middle::text::xid8 ORDER BY tx, position LIMIT 1
    ) AS found ON true
    WHERE low < high
  )
  SELECT max(low)::text AS tx FROM seek`

/** `$1`, `$2`: after which row; `$3`, `$4`: from which transaction to before which; `$5`: text that a row of the task has. Other rows come without their events. */
export const readStatement = `
  SELECT ${rowColumns}, CASE WHEN strpos(events::text, $5::text) > 0 THEN events ELSE '[]'::json END AS events
  FROM clawster_journal j
  WHERE (tx, position) > ($1::text::xid8, $2::bigint) AND tx >= $3::text::xid8 AND tx < $4::text::xid8
  ORDER BY j.tx, j.position LIMIT ${rowsARead}`

const seek = Effect.fnUntraced(function* (sql: PgClient.PgClient, at: number) {
  const [found] = yield* sql.unsafe<{ tx: string }>(seekStatement, [at])
  return found!.tx
})

/** Whole entries only, so that a page may hold a few events more than `limit`. */
export const read = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  { endedAt, submittedAt, taskId, tenantId }: TaskStatus,
  { after, limit }: { readonly after?: Cursor | undefined; readonly limit: number }
) {
  const [{ open, position }] = (yield* sql.unsafe<{ open: string; position: Cursor }>(
    `SELECT ${xmin}::text AS open, ${settled} AS position`
  )) as [{ open: string; position: Cursor }]
  const from = yield* seek(sql, submittedAt - slackMillis)
  const to = endedAt === undefined ? open : yield* seek(sql, endedAt + slackMillis)
  const text = `"taskId":${JSON.stringify(taskId)}`
  const items: Array<FeedEvent> = []
  let place = fromCursor(after ?? toCursor({ tx: from, position: "0" }))
  for (let reads = 0; reads < readsAPage; reads++) {
    const rows = yield* sql.unsafe<FeedRow>(readStatement, [place.tx, place.position, from, to, text])
    for (const row of rows) {
      items.push(...toEvents(row, tenantId).filter(({ payload }) => payload["taskId"] === taskId))
      place = row
      if (items.length >= limit) return { items, position, next: toCursor(row) } satisfies Page<FeedEvent>
    }
    if (rows.length < rowsARead) return { items, position } satisfies Page<FeedEvent>
  }
  return { items, position, next: toCursor(place) } satisfies Page<FeedEvent>
})
