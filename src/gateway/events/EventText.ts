/** Events as the messages of a socket, each written once for all who are sent it. */
import type { FeedEvent } from "../../schema/feed/Feed.ts"
import { type SkipReason, skippedNotice } from "../../schema/feed/FeedNotice.ts"

const known = new WeakMap<FeedEvent, string>()

/** What JSON cannot tell, for example for its depth, is passed over with a note. */
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
