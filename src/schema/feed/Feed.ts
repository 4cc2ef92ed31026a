/**
 * The event feed: all events in an order that preserves the order of each actor, readable from any position without gap
 * or repeat.
 */
import { Schema } from "effect"
import { TenantId } from "../Ids.ts"

/**
 * An opaque position in the feed. Positions of one cluster are compared by their order in the feed, not as text
 * (`FeedPosition.ts`). A position within a journal entry of several events ends in `.n`: it is followed by the next
 * entry without its first n events.
 */
export const Cursor = Schema.String.check(
  Schema.isPattern(/^\d{1,20}-\d{1,20}(\.\d{1,6})?$/u, { expected: "a feed position such as 1234-56" })
).pipe(Schema.brand("Cursor"))
export type Cursor = typeof Cursor.Type

export const FeedEvent = Schema.Struct({
  /** The position right after this event, from which to resume. */
  cursor: Cursor,
  /** For example `task.completed`. */
  type: Schema.String,
  /** Unix milliseconds. */
  timestamp: Schema.Finite,
  tenantId: Schema.optionalKey(TenantId),
  entityType: Schema.String,
  entityId: Schema.String,
  /** Sequence number of the journal entry. It has no gaps within an actor, and all events of one entry share it. */
  seq: Schema.Int,
  payload: Schema.Record(Schema.String, Schema.Json),
  /**
   * Present when texts of the payload were cut because the event was too large to be sent whole: the estimated length
   * of the original payload as JSON, in characters.
   */
  shortenedFrom: Schema.optionalKey(Schema.Int)
})
export type FeedEvent = typeof FeedEvent.Type

/** Whether the event is shown at all. Internal events of actors are stored in the same journal as public ones. */
export const isPublicTag = (tag: string): boolean => !tag.includes(".internal_")
