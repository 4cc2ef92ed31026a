/**
 * Positions of the feed. Journal rows are ordered by the transaction that wrote them and their number within it. A transaction that is still
 * open may have a lower id than one that has committed, so a reader stops at the lowest open one (`pg_snapshot_xmin`), and
 * nothing that commits late is ever skipped. An actor's own rows keep their order, since each commit follows the one before it.
 */
import { Cursor } from "../../schema/Feed.ts"

export interface Position {
  readonly tx: string
  readonly position: string
}

export const toCursor = ({ position, tx }: Position): Cursor => Cursor.make(`${tx}-${position}`)

/** Of a position within an entry, where the entry begins: it is read whole, and its first events again. */
export const fromCursor = (cursor: Cursor): Position => {
  const [tx, position] = cursor.replace(/\..*/u, "").split("-") as [string, string]
  return { tx, position }
}

/** Everything below this transaction is settled; beside rows read in the same statement it is the position at which they are true. */
export const settled = "(pg_snapshot_xmin(pg_current_snapshot())::text || '-0')"
