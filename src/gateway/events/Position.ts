/**
 * Positions of the feed, as a follower needs them. A journal entry may hold several events, all at the position after
 * it. So that a follower who was cut off between two of them neither misses nor repeats one, each but the last is given
 * the position before the entry and how many it has had: `P.n`.
 */
import { Cursor, type FeedEvent } from "../../schema/feed/Feed.ts"
import { compareCursors as compare } from "../../schema/feed/FeedPosition.ts"

export { compare }

export interface ResumePoint {
  readonly position: Cursor
  /** Events of the first entry after it that the follower has had. */
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
 * The same events, each with the position to go on from after it. `before` is any position that this entry is the next
 * after.
 */
export const numbered = (before: Cursor, entry: Entry, skip = 0): ReadonlyArray<FeedEvent> =>
  entry.length === 1 && skip === 0
    ? entry
    : entry
        .map((event, index) =>
          index === entry.length - 1 ? event : { ...event, cursor: Cursor.make(`${before}.${index + 1}`) }
        )
        .slice(skip)
