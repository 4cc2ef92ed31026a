/**
 * The event feed: what happened, in an order that keeps each actor's own, readable from any position on without gap or
 * repeat.
 */
import { Schema } from "effect"
import { TenantId } from "../Ids.ts"

/**
 * An opaque position in the feed. Positions of one cluster compare by what was read, not by their text
 * (`FeedPosition.ts`). One that a follower was given within a journal entry of several events ends in `.n`: the entry
 * after the position, without its first n events.
 */
export const Cursor = Schema.String.check(
  Schema.isPattern(/^\d{1,20}-\d{1,20}(\.\d{1,6})?$/u, { expected: "a feed position such as 1234-56" })
).pipe(Schema.brand("Cursor"))
export type Cursor = typeof Cursor.Type

export const FeedEvent = Schema.Struct({
  /** The position right after this event: resume from here. */
  cursor: Cursor,
  /** For example `task.completed`. */
  type: Schema.String,
  /** Unix milliseconds. */
  timestamp: Schema.Finite,
  tenantId: Schema.optionalKey(TenantId),
  entityType: Schema.String,
  entityId: Schema.String,
  /** Counts per actor without gap over all its entries; several events of one entry share it. */
  seq: Schema.Int,
  payload: Schema.Record(Schema.String, Schema.Json),
  /**
   * Present when texts of the payload were cut, since the event was too large to be sent whole: how many characters of
   * JSON it had.
   */
  shortenedFrom: Schema.optionalKey(Schema.Int)
})
export type FeedEvent = typeof FeedEvent.Type

/** Whether an event is shown at all: what is internal to an actor is stored beside what is public. */
export const isPublicTag = (tag: string): boolean => !tag.includes(".internal_")
