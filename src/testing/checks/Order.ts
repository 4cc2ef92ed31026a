/**
 * I4: turns of a session run one at a time, in the order in which they were accepted; messages of one actor to another
 * are applied in the order in which they were sent. I7: no task starts while a task that ranks before it, and that
 * could run on the same instance, waits in the same lane.
 */
import { actorOf, checkOf, type Violation, type Watch } from "./History.ts"

const turnEnds = new Set(["session.turn_completed", "session.turn_failed", "session.turn_aborted"])

/** Steering reorders turns on purpose, so `front` and joined turns are not checked. */
export const watchTurnOrder = (): Watch => {
  const queued = new Map<string, Array<string>>()
  const running = new Map<string, string>()
  return (row) => {
    const violations: Array<Violation> = []
    const session = row.entityId
    for (const event of row.events) {
      const waiting = queued.get(session) ?? []
      if (event._tag === "session.turn_queued" && event["position"] === "tail") {
        queued.set(session, [...waiting, event["turnId"]])
      }
      if (event._tag === "session.turn_started" && waiting.includes(event["turnId"])) {
        const current = running.get(session)
        if (current !== undefined && current !== event["turnId"]) {
          violations.push({ invariant: "I4", message: `${session} started ${event["turnId"]} while ${current} ran` })
        }
        if (waiting[0] !== event["turnId"]) {
          violations.push({ invariant: "I4", message: `${session} started ${event["turnId"]} before ${waiting[0]}` })
        }
        running.set(session, event["turnId"])
      }
      if (turnEnds.has(event._tag)) {
        queued.set(
          session,
          waiting.filter((turnId) => turnId !== event["turnId"])
        )
        if (running.get(session) === event["turnId"]) running.delete(session)
      }
    }
    return violations
  }
}

export const turnOrder = checkOf(watchTurnOrder)

/**
 * At its receiver, a relayed message has the request id `<type>/<id>/<seq>/<ordinal>` of its sender: messages that were
 * sent earlier have lower numbers.
 */
const relayed = /^(.+)\/(\d+)\/(\d+)$/

export const watchMessageOrder = (): Watch => {
  const latest = new Map<string, readonly [seq: number, ordinal: number]>()
  return (row) => {
    const [, sender, seq, ordinal] = relayed.exec(row.requestId ?? "") ?? []
    if (sender === undefined) return []
    const pair = `${sender} to ${actorOf(row)}`
    const last = latest.get(pair)
    const now = [Number(seq), Number(ordinal)] as const
    latest.set(pair, now)
    return last === undefined || now[0] > last[0] || (now[0] === last[0] && now[1] > last[1])
      ? []
      : [{ invariant: "I4", message: `${pair}: ${now.join(".")} was applied after ${last.join(".")}` }]
  }
}

interface Waiting {
  readonly rank: number
  readonly demands: string
  /** Unix milliseconds since which the task has been waiting. */
  readonly since: number
  /** Unix milliseconds from which the task may no longer start. */
  readonly until: number
}

/** Milliseconds from choosing a start to committing it: a task that began to wait in between was not overtaken. */
const graceMillis = 250

/** A task's demands on an instance. Only tasks with the same demands can be said to have overtaken each other. */
const demandsOf = (task: { readonly hints?: object; readonly sessionId?: string }) =>
  JSON.stringify([task.hints ?? {}, task.sessionId ?? null])

const compareStart = (
  lane: string,
  taskId: string,
  started: Waiting,
  at: number,
  waiting: ReadonlyMap<string, Waiting>
) => {
  for (const [other, { demands, rank, since, until }] of waiting) {
    const couldStart = demands === started.demands && at - since > graceMillis && at < until
    if (other !== taskId && couldStart && rank < started.rank) {
      return [{ invariant: "I7", message: `${lane} started ${taskId} before ${other}, which ranks before it` }]
    }
  }
  return []
}

/** Starts of one commit are simultaneous: each is compared with the tasks that still wait after the commit. */
export const watchPriority = (): Watch => {
  const lanes = new Map<string, Map<string, Waiting>>()
  const known = new Map<string, Waiting>()
  return (row) => {
    const waiting = lanes.get(row.entityId) ?? new Map<string, Waiting>()
    lanes.set(row.entityId, waiting)
    const started: Array<string> = []
    for (const event of row.events) {
      const key = `${row.entityId} ${event["taskId"]}`
      if (event._tag === "task.submitted") {
        const { deadlineAt: until = Infinity } = event["task"]
        known.set(key, { rank: event["rank"], demands: demandsOf(event["task"]), since: row.at, until })
        if (event["phase"] === "pending") waiting.set(event["taskId"], known.get(key)!)
      }
      if (event._tag === "task.requeued" && known.has(key))
        waiting.set(event["taskId"], { ...known.get(key)!, since: row.at })
      if (event._tag === "task.started") started.push(event["taskId"])
      if (event._tag === "task.cancelled" || event._tag === "task.failed") waiting.delete(event["taskId"])
    }
    const entries = started.map((taskId) => [taskId, waiting.get(taskId)] as const)
    for (const taskId of started) waiting.delete(taskId)
    return entries.flatMap(([taskId, entry]) =>
      entry === undefined ? [] : compareStart(row.entityId, taskId, entry, row.at, waiting)
    )
  }
}

export const priority = checkOf(watchPriority)
