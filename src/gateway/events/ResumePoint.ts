/**
 * Feed positions of followers. A journal entry may hold several events, which share one position after the entry. To
 * let a follower that was disconnected between two of them resume without gap or repeat, each event but the last gets
 * the position before the entry and the number of events already received: `P.n`.
 */
import { Cursor, type FeedEvent } from "../../schema/feed/Feed.ts"
import { compareCursors as compare } from "../../schema/feed/FeedPosition.ts"

export { compare }

export interface ResumePoint {
  readonly position: Cursor
  /** Number of events of the next entry that the follower has already received. */
  readonly skip: number
}

export const parse = (cursor: Cursor): ResumePoint => {
  const at = cursor.indexOf(".")
  return at < 0
    ? { position: cursor, skip: 0 }
    : { position: Cursor.make(cursor.slice(0, at)), skip: Number(cursor.slice(at + 1)) }
}

/** The events of one journal entry, in order. */
export type Entry = readonly [FeedEvent, ...Array<FeedEvent>]

export const entriesOf = (events: ReadonlyArray<FeedEvent>): Array<Entry> => {
  const entries: Array<[FeedEvent, ...Array<FeedEvent>]> = []
  for (const event of events) {
    const last = entries.at(-1)
    if (last !== undefined && last[0].cursor === event.cursor) last.push(event)
    else entries.push([event])
  }
  return entries
}

/**
 * The same events, each with the position from which to resume after it. `before` may be any position that this entry
 * directly follows.
 */
export const numbered = (before: Cursor, entry: Entry, skip = 0): ReadonlyArray<FeedEvent> =>
  entry.length === 1 && skip === 0
    ? entry
    : entry
        .map((event, index) =>
          index === entry.length - 1 ? event : { ...event, cursor: Cursor.make(`${before}.${index + 1}`) }
        )
        .slice(skip)
