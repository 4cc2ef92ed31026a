/**
 * I10: no timer is late by more than the bound, counted from when the cluster was last free of faults and the actor's
 * placement had machines, and no timer takes effect early. Times are by the clock of the actor's owner: clocks may
 * differ by the skew.
 */
import type { Timer } from "../../actor/Actor.ts"
import type { Fold, FoldedStates } from "./FoldedStates.ts"
import type { Violation } from "./History.ts"
import { placementOf } from "./Liveness.ts"
import type { Watcher } from "./Observation.ts"
import type { StoredRow } from "../store/Database.ts"

const soonest = (fold: Fold): Timer | undefined => {
  let first: Timer | undefined
  for (const timer of fold.definition.timers?.(fold.state as never) ?? [])
    if (first === undefined || timer.at < first.at) first = timer
  return first
}

/**
 * The entry of a timer has the timer's key as its command, so no command and no signal of an actor may have the same
 * name.
 */
const early = (row: StoredRow, before: ReadonlyArray<Timer>): ReadonlyArray<Violation> => {
  if (row.requestId !== null) return []
  const timer = before.find(({ key }) => key === row.command)
  return timer === undefined || timer.at <= row.at
    ? []
    : [
        {
          invariant: "I10",
          message: `${row.entityType}/${row.entityId} ran its timer ${timer.key} ${timer.at - row.at} ms before it was due`
        }
      ]
}

export const deadlines = (folded: FoldedStates, boundMillis: number) => (): Watcher => {
  const told = new Set<string>()
  return ({ epoch, fresh, now, quietSince, servedSince }) => {
    const violations = fresh.flatMap((row) => {
      const before = folded.timersBefore.get(row)
      return before === undefined ? [] : early(row, before)
    })
    if (quietSince === undefined) return violations
    for (const [actor, fold] of folded.actors) {
      const timer = soonest(fold)
      const since = servedSince.get(placementOf(fold.shardId ?? ""))
      if (timer === undefined || since === undefined) continue
      const due = Math.max(timer.at - epoch, quietSince, since)
      const late = now - due
      const name = `${actor} ${timer.key} ${timer.at}`
      if (late <= boundMillis || told.has(name)) continue
      told.add(name)
      violations.push({
        invariant: "I10",
        message: `${actor} should have been woken for ${timer.key} ${(late / 1_000).toFixed(1)} s ago, and nothing was wrong since`
      })
    }
    return violations
  }
}
