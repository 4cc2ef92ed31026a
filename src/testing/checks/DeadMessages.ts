/**
 * I4: a message that its receiver gives up is kept: the entry that makes it a duplicate and its row among the dead
 * messages are of one commit. Both must be there, or neither.
 */
import type { EncodedAnswer } from "../../actor/Journal.ts"
import { deadMessages } from "../../actor/outbox/DeadMessageRow.ts"
import { actorOf, type Violation } from "./History.ts"
import type { Watcher } from "./Observation.ts"

const isDead = ({ answer }: { readonly answer: EncodedAnswer | null }): boolean =>
  answer?._tag === "Failure" && (answer.error as { readonly _tag?: unknown } | null)?._tag === "DeadMessage"

export const watchDeadMessages = (): Watcher => {
  const given = new Set<string>()
  return ({ fresh, store }) => {
    for (const row of fresh) if (isDead(row)) given.add(`${actorOf(row)}/${row.requestId}`)
    const kept = new Set(store.tables.get(deadMessages.name)?.keys())
    const lost = [...given].filter((key) => !kept.has(key))
    const strange = [...kept].filter((key) => !given.has(key))
    return [
      ...lost.map((key): Violation => ({ invariant: "I4", message: `${key} was given up and is not kept` })),
      ...strange.map((key): Violation => ({ invariant: "I4", message: `${key} is kept and was not given up` }))
    ]
  }
}

/** For actors that can process every message that they are sent. */
export const watchNoneDead =
  (): Watcher =>
  ({ fresh }) =>
    fresh.filter(isDead).map((row): Violation => {
      const reason = JSON.stringify(row.answer)
      return { invariant: "I4", message: `${actorOf(row)} gave up ${row.command} ${row.requestId}: ${reason}` }
    })
