/**
 * A slot that an instance recalls is back within one run: its holder gives it back when what runs on it ends. Counted
 * from when the recall was committed and all faults had healed.
 */
import type { HistoryRow, Violation } from "../History.ts"
import type { Watcher } from "../Observation.ts"
import { holderKeyOf, instanceIdOf } from "./InstanceSlots.ts"

interface Counted {
  readonly key: string
  readonly count: number
}

/** The slots that are due from one holder: when each was recalled, oldest first, in virtual milliseconds. */
type Due = Map<string, Array<number>>

const recalledNow = (due: Due, { count, key }: Counted, at: number): void => {
  const slots = due.get(key) ?? []
  due.set(key, slots)
  slots.length = Math.min(slots.length, count)
  while (slots.length < count) slots.push(at)
}

const note = (due: Due, event: HistoryRow["events"][number], at: number): void => {
  if (event._tag === "instance.internal_slots_recalled") {
    for (const recall of event["recalls"] as ReadonlyArray<Counted>) recalledNow(due, recall, at)
  }
  if (event._tag === "instance.internal_slots_returned") {
    due.get(holderKeyOf(event["holder"]))?.splice(0, event["count"])
  }
  if (event._tag === "instance.registered" || event._tag === "instance.deregistered") due.clear()
}

/** `runMillis`: the longest time that a run takes, and its end to be heard of. */
export const watchRecalls = (runMillis: number) => (): Watcher => {
  const instances = new Map<string, Due>()
  const told = new Set<string>()
  return ({ fresh, now, quietSince }) => {
    for (const row of fresh) {
      if (row.entityType !== "Instance") continue
      const instanceId = instanceIdOf(row)
      const due = instances.get(instanceId) ?? new Map<string, Array<number>>()
      instances.set(instanceId, due)
      for (const event of row.events) note(due, event, row.committedAt)
    }
    if (quietSince === undefined) return []
    return [...instances].flatMap(([instanceId, due]) =>
      [...due].flatMap(([key, [oldest = Infinity]]): ReadonlyArray<Violation> => {
        const since = Math.max(oldest, quietSince)
        const name = `${instanceId} ${key} ${oldest}`
        if (now - since <= runMillis || told.has(name)) return []
        told.add(name)
        return [
          {
            invariant: "I6",
            message: `${key} did not give back a slot that ${instanceId} recalled ${now - since} ms ago`
          }
        ]
      })
    )
  }
}
