/** I12: the feed has every public event of the journal exactly once, in each actor's own order. */
import type { FeedEvent } from "../../schema/feed/Feed.ts"
import { actorOf, type History, type Violation } from "./History.ts"

const nameOf = (actor: string, seq: number, tag: string) => `${actor} ${seq} ${tag}`

export const feedOrder = (history: History, feed: ReadonlyArray<FeedEvent>): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const expected = new Map<string, Array<string>>()
  for (const row of history) {
    const names = row.events
      .filter(({ _tag }) => !_tag.includes(".internal_"))
      .map(({ _tag }) => nameOf(actorOf(row), row.seq, _tag))
    expected.set(actorOf(row), [...(expected.get(actorOf(row)) ?? []), ...names])
  }
  const seen = new Map<string, Array<string>>()
  for (const event of feed) {
    const names = seen.get(actorOf(event)) ?? []
    names.push(nameOf(actorOf(event), event.seq, event.type))
    seen.set(actorOf(event), names)
  }
  for (const [actor, names] of expected) {
    const got = seen.get(actor) ?? []
    const at = names.findIndex((name, index) => got[index] !== name)
    if (at >= 0)
      violations.push({ invariant: "I12", message: `the feed has ${got[at] ?? "nothing"} where ${names[at]} was due` })
    else if (got.length > names.length) {
      violations.push({ invariant: "I12", message: `the feed repeats or invents ${got[names.length]}` })
    }
  }
  return violations
}
