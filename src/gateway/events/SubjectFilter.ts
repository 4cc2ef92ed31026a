/**
 * Which events are about one thing: so that who follows one task is not sent everything of everybody. What the feed
 * says of itself is for all.
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
