/** Events serialized as socket messages, each only once for all recipients. */
import type { FeedEvent } from "../../schema/feed/Feed.ts"
import { type SkipReason, skippedNotice } from "../../schema/feed/FeedNotice.ts"

const known = new WeakMap<FeedEvent, string>()

/**
 * An event that cannot be serialized as JSON, for example because it is nested too deeply, is replaced by a
 * `feed.skipped` notice.
 */
const write = (event: FeedEvent): string => {
  try {
    return JSON.stringify(event)
  } catch {
    return JSON.stringify(skippedNotice(event, "unreadable" satisfies SkipReason))
  }
}

export const textOf = (event: FeedEvent): string => {
  const before = known.get(event)
  if (before !== undefined) return before
  const text = write(event)
  known.set(event, text)
  return text
}
