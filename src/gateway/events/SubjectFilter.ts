/**
 * Filters events by subject, so that a follower of one task is not sent all events. Notices of the feed always pass.
 */
import type { FeedEvent } from "../../schema/feed/Feed.ts"

export interface Subjects {
  readonly taskId?: string | undefined
  readonly sessionId?: string | undefined
  readonly instanceId?: string | undefined
}

const names = ["taskId", "sessionId", "instanceId"] as const

export const subjectFilter = (subjects: Subjects): ((event: FeedEvent) => boolean) => {
  const wanted = names.filter((name) => subjects[name] !== undefined)
  return wanted.length === 0
    ? () => true
    : ({ payload, type }) => type.startsWith("feed.") || wanted.every((name) => payload[name] === subjects[name])
}
