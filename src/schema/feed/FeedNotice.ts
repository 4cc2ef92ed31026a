/**
 * Notices of the feed about itself, in the envelope of its events. Filters of types never remove the first two.
 *
 * - `feed.gap`: events between `from` and `to` are no longer available. The ones that remain follow the notice,
 *   and nothing after `to` is missing.
 * - `feed.skipped`: one journal entry could not be shown. Reading continues after it.
 * - `feed.position`: there are no events for this follower up to the cursor.
 */
import { Schema } from "effect"
import type { Cursor, FeedEvent } from "./Feed.ts"

/**
 * `expired`: the events are older than the retained history. `restored`: the events were written after the backup from
 * which the database was restored.
 */
export const GapReason = Schema.Literals(["expired", "restored"])
export type GapReason = typeof GapReason.Type

export const SkipReason = Schema.Literals(["too_large", "unknown_shape", "unreadable"])
export type SkipReason = typeof SkipReason.Type

/**
 * Notices that are sent to every follower like the events of actors. `feed.position` is exchanged only between servers
 * and the typed client.
 */
export const FeedNotice = Schema.Union([
  Schema.TaggedStruct("feed.gap", {
    from: Schema.String,
    to: Schema.String,
    reason: GapReason,
    message: Schema.String
  }),
  Schema.TaggedStruct("feed.skipped", {
    entityType: Schema.String,
    entityId: Schema.String,
    seq: Schema.Int,
    reason: SkipReason,
    message: Schema.String
  })
])
export type FeedNotice = typeof FeedNotice.Type

export interface FeedGap {
  readonly from: Cursor
  readonly to: Cursor
  readonly reason: GapReason
}

const feed = { entityType: "Feed", entityId: "feed", seq: 0 }

const gapMessages: Record<GapReason, string> = {
  expired: "these events are older than the history that is kept; read what they led to from the lists",
  restored: "the database was restored from a backup, and events after it are lost; read what there is from the lists"
}

/**
 * The cursor of an `expired` gap is the position that was requested, so that the events remaining inside the gap are
 * not lost when the connection breaks.
 */
export const gapNotice = (gap: FeedGap, timestamp: number): FeedEvent => ({
  ...feed,
  cursor: gap.reason === "expired" ? gap.from : gap.to,
  type: "feed.gap",
  timestamp,
  payload: { ...gap, message: gapMessages[gap.reason] }
})

export const positionNotice = (cursor: Cursor, isCatchingUp: boolean, timestamp: number): FeedEvent => ({
  ...feed,
  cursor,
  type: "feed.position",
  timestamp,
  payload: { isCatchingUp }
})

const skipMessages: Record<SkipReason, string> = {
  too_large: "the entry is too large to be sent",
  unknown_shape: "the entry is not of a shape that this version knows",
  unreadable: "the database could not give the entry"
}

/** `timestamp` is when the entry was written. */
export const skippedNotice = (
  entry: Pick<FeedEvent, "cursor" | "entityType" | "entityId" | "seq" | "timestamp">,
  reason: SkipReason
): FeedEvent => {
  const { entityId, entityType, seq } = entry
  return {
    ...entry,
    type: "feed.skipped",
    payload: { entityType, entityId, seq, reason, message: skipMessages[reason] }
  }
}

/** Whether the event is a notice of the feed itself, not an event of an actor. */
export const isNotice = ({ type }: Pick<FeedEvent, "type">): boolean => type.startsWith("feed.")
