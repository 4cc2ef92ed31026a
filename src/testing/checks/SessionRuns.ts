/**
 * I4 over all who run something in a session: at no moment have two of them, its own turns and tasks of any lane,
 * begun and not ended. What was given up has ended here, though a lost machine may still run it.
 */
import { leavesLane } from "./Caps.ts"
import { checkOf, type Violation, type Watch } from "./History.ts"

const turnLeaves = new Set([
  "session.turn_completed",
  "session.turn_failed",
  "session.turn_aborted",
  "session.internal_put_off"
])
export const watchSessionRuns = (): Watch => {
  const sessions = new Map<string, string>()
  const running = new Map<string, Set<string>>()
  const enter = (session: string, work: string): ReadonlyArray<Violation> => {
    const set = running.get(session) ?? new Set<string>()
    running.set(session, set.add(work))
    return set.size < 2
      ? []
      : [{ invariant: "I4", message: `${[...set].join(" and ")} run at once in session ${session}` }]
  }
  return (row) =>
    row.events.flatMap((event) => {
      const turn = `turn ${event["turnId"]}`
      if (event._tag === "session.turn_started") return enter(row.entityId, turn)
      if (turnLeaves.has(event._tag)) running.get(row.entityId)?.delete(turn)
      const [task, key] = [`task ${event["taskId"]}`, `${event["tenantId"]}/${event["taskId"]}`]
      const named = event._tag === "task.submitted" ? event["task"].sessionId : undefined
      if (named !== undefined) sessions.set(key, `${event["tenantId"]}/${named}`)
      const session = sessions.get(key)
      if (session === undefined) return []
      if (event._tag === "task.started") return enter(session, task)
      if (leavesLane.has(event._tag)) running.get(session)?.delete(task)
      return []
    })
}

export const sessionRuns = checkOf(watchSessionRuns)
