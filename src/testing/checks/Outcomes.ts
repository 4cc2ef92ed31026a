/**
 * I2 and I3: every accepted task ends exactly once, with one outcome. No run is accepted or ended twice by its
 * instance.
 */
import { type Check, checkOf, eventsOf, type Violation, type Watch } from "./History.ts"

const endings = new Map([
  ["task.completed", "completed"],
  ["task.failed", "failed"],
  ["task.cancelled", "cancelled"],
  ["task.dead_lettered", "dead_lettered"]
])

const taskKey = (event: { readonly [field: string]: any }) => `${event["tenantId"]}/${event["taskId"]}`

const watchTasks = (): Watch => {
  const ended = new Map<string, string | undefined>()
  return (row) =>
    row.events.flatMap((event) => {
      const violations: Array<Violation> = []
      const key = taskKey(event)
      if (event._tag === "task.submitted") {
        if (ended.has(key)) violations.push({ invariant: "I3", message: `${key} was accepted twice` })
        ended.set(key, undefined)
      }
      if (event._tag === "task.replayed") ended.set(key, undefined)
      const ending = endings.get(event._tag)
      if (ending === undefined) return violations
      const before = ended.get(key)
      if (before !== undefined) {
        violations.push({ invariant: "I3", message: `${key} ended ${ending} after it had ended ${before}` })
      }
      ended.set(key, ending)
      return violations
    })
}

const watchRuns = (): Watch => {
  const runs = new Map<string, "running" | "ended">()
  return (row) =>
    row.events.flatMap((event) => {
      const violations: Array<Violation> = []
      if (event._tag !== "run.accepted" && event._tag !== "run.ended") return violations
      const key = `${event["instanceId"]} ${event["tenantId"]} ${event["runKey"]}`
      if (event._tag === "run.accepted") {
        if (runs.has(key)) violations.push({ invariant: "I3", message: `run ${key} was accepted twice` })
        runs.set(key, "running")
      } else {
        if (runs.get(key) === "ended") violations.push({ invariant: "I3", message: `run ${key} ended twice` })
        runs.set(key, "ended")
      }
      return violations
    })
}

export const watchOutcomes = (): Watch => {
  const [tasks, runs] = [watchTasks(), watchRuns()]
  return (row) => [...tasks(row), ...runs(row)]
}

export const outcomes = checkOf(watchOutcomes)

/** Checks in addition that every accepted task has ended, for a history whose backlog has drained. */
export const allEnded: Check = (history) => {
  const open = new Set<string>()
  for (const { event } of eventsOf(history)) {
    if (event._tag === "task.submitted" || event._tag === "task.replayed") open.add(taskKey(event))
    if (endings.has(event._tag)) open.delete(taskKey(event))
  }
  return [...open].map((key) => ({ invariant: "I2", message: `${key} was accepted and never ended` }))
}
