/** I6: the concurrent runs of an instance, and the concurrent tasks of a lane, never exceed its cap. */
import { checkOf, type Violation, type Watch } from "./History.ts"

/** Events by which a task leaves those that run. */
export const leavesLane = new Set([
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.dead_lettered",
  "task.retrying",
  "task.requeued"
])

const setsInstanceCap = new Set(["instance.registered", "instance.updated"])

export const watchCaps = (): Watch => {
  const instanceCaps = new Map<string, number>()
  const laneCaps = new Map<string, number>()
  const running = new Map<string, Set<string>>()
  return (row) => {
    const violations: Array<Violation> = []
    const enter = (holder: string, work: string, cap: number | undefined) => {
      const set = running.get(holder) ?? new Set<string>()
      running.set(holder, set)
      set.add(work)
      if (cap !== undefined && set.size > cap) {
        violations.push({ invariant: "I6", message: `${holder} runs ${set.size}, its cap is ${cap}` })
      }
    }
    const holder = row.entityId
    for (const event of row.events) {
      const run = `${event["tenantId"]} ${event["runKey"]}`
      if (setsInstanceCap.has(event._tag)) instanceCaps.set(holder, event["secret"].spec.maxConcurrentTasks)
      if (event._tag === "lane.configured") laneCaps.set(holder, event["config"].concurrency)
      if (event._tag === "run.accepted") enter(`instance ${holder}`, run, instanceCaps.get(holder))
      if (event._tag === "run.ended") running.get(`instance ${holder}`)?.delete(run)
      if (event._tag === "task.started") enter(`lane ${holder}`, event["taskId"], laneCaps.get(holder))
      if (leavesLane.has(event._tag)) running.get(`lane ${holder}`)?.delete(event["taskId"])
    }
    return violations
  }
}

export const caps = checkOf(watchCaps)
