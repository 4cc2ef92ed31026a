/**
 * Positions of the feed. Journal rows are ordered by the transaction that wrote them and by their number within it. A
 * transaction that is still open may have a lower id than one that has committed, so a reader stops at the lowest open
 * transaction (`pg_snapshot_xmin`), and a row that commits late is never skipped. An actor's own rows keep their order,
 * since each commit follows the one before it.
 *
 * `tx` of the journal is the transaction's id with the timeline above it (Timelines.ts), so that rows of a former
 * server stay before all later ones.
 */
import type { Cursor } from "../../../schema/feed/Feed.ts"
import { formatCursor, parseCursor } from "../../../schema/feed/FeedPosition.ts"

export interface Position {
  readonly tx: string
  readonly position: string
}

export const toCursor = ({ position, tx }: Position, mark: number): Cursor =>
  formatCursor({ tx, number: position }, mark)

/** The largest `bigint` of the database. */
const most = 2n ** 63n - 1n
const held = (value: bigint): string => String(value > most ? most : value)

/**
 * The place of a cursor. When the cursor lies within an entry, this is the place where the entry begins: the entry is
 * read whole, and its first events again.
 */
export const fromCursor = (cursor: Cursor): Position => {
  const { number, tx } = parseCursor(cursor)
  return { tx: held(tx), position: held(number) }
}

/**
 * One row: the timeline, the position up to which history was removed, and the lowest open transaction (`open`), with
 * its timeline.
 */
export const feedNow = `
  SELECT f.timeline, f.pruned_tx, f.pruned_position,
    ((f.timeline::bigint << 48) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint)::text::xid8 AS open
  FROM clawster_feed f WHERE f.one`

/**
 * One row, beside `n` of `feedNow`: the last row below the lowest open transaction, or the last removed row where that
 * is later.
 */
export const lastSettled = `
  SELECT tx, position FROM (
    (SELECT tx, position FROM clawster_journal WHERE tx < n.open ORDER BY tx DESC, position DESC LIMIT 1)
    UNION ALL SELECT n.pruned_tx, n.pruned_position
  ) AS ends ORDER BY tx DESC, position DESC LIMIT 1`

/**
 * A cursor, as text, up to which everything is settled. When it is selected in the same statement as other rows, it is
 * the position at which those rows are true.
 */
export const settled = `(
  SELECT l.tx::text || '-' || t.mark || lpad(l.position::text, 15, '0')
  FROM (${feedNow}) AS n CROSS JOIN LATERAL (${lastSettled}) AS l
  JOIN clawster_timelines t ON t.timeline = (l.tx::text::bigint >> 48)::int)`
