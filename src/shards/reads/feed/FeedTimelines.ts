/**
 * The timelines of the feed (Timelines.ts), as its readers need them: the mark of each position, and where the former
 * timelines ended.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { Cursor } from "../../../schema/feed/Feed.ts"
import {
  compareCursors,
  formatCursor,
  parseCursor,
  timelineBits,
  timelineOf
} from "../../../schema/feed/FeedPosition.ts"
import type { FeedGap } from "../../../schema/feed/FeedNotice.ts"
import type { FeedState } from "./JournalPages.ts"
import { type Position, toCursor } from "./Position.ts"

interface Timeline {
  readonly timeline: number
  readonly mark: number
  /** Null for the current timeline. */
  readonly lastTx: string | null
  readonly lastPosition: string | null
}

export class FeedTimelines {
  readonly #known: ReadonlyMap<number, Timeline>

  constructor(timelines: ReadonlyArray<Timeline>) {
    this.#known = new Map(timelines.map((one) => [one.timeline, one]))
  }

  /** Whether the timeline is loaded, and is the current one. */
  isPresent(timeline: number): boolean {
    return this.#known.get(timeline)?.lastTx === null
  }

  /** The cursor of a row. Every row is of a timeline that began before the row was written. */
  cursorOf(position: Position): Cursor {
    return toCursor(position, this.#known.get(timelineOf(BigInt(position.tx)))?.mark ?? 0)
  }

  startOf(timeline: number): Cursor {
    const mark = this.#known.get(timeline)?.mark ?? 0
    return formatCursor({ tx: BigInt(timeline) << timelineBits, number: 0n }, mark)
  }

  /** The gap after the cursor, when removed or lost events lie behind it; otherwise undefined. */
  gapAfter(cursor: Cursor, state: FeedState): FeedGap | undefined {
    const timeline = timelineOf(parseCursor(cursor).tx)
    const past = this.#known.get(timeline)
    if (past !== undefined && past.lastTx !== null && past.lastPosition !== null) {
      const end = this.cursorOf({ tx: past.lastTx, position: past.lastPosition })
      if (compareCursors(cursor, end) > 0) return { from: cursor, to: this.startOf(timeline + 1), reason: "restored" }
    }
    const pruned = this.cursorOf(state.pruned)
    return compareCursors(cursor, pruned) < 0 ? { from: cursor, to: pruned, reason: "expired" } : undefined
  }

  /** Why this cluster cannot have issued the cursor; undefined when it may have. */
  faultOf(cursor: Cursor, state: { readonly timeline: number; readonly open: string }): string | undefined {
    const { mark, number, tx } = parseCursor(cursor)
    const timeline = this.#known.get(timelineOf(tx))
    if (timeline === undefined || (mark !== undefined && mark !== timeline.mark)) return "it is of another cluster"
    if (timeline.timeline !== state.timeline) return undefined
    const open = BigInt(state.open)
    return tx > open || (tx === open && number > 0n)
      ? "it is ahead of the feed, so it is of another cluster"
      : undefined
  }
}

export const load = (sql: PgClient.PgClient): Effect.Effect<FeedTimelines, SqlError.SqlError> =>
  Effect.map(
    sql.unsafe<Timeline>(
      `SELECT timeline, mark, last_tx::text AS "lastTx", last_position::text AS "lastPosition" FROM clawster_timelines`
    ),
    (rows) => new FeedTimelines(rows)
  )
