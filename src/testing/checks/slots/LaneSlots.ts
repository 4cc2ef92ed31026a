/** What the journal of lanes says of their slots: how many they hold, and what they spend them on. */
import type { HistoryRow, Violation } from "../History.ts"

type Event = HistoryRow["events"][number]

/** The slots of one lane at one instance. */
interface Lease {
  readonly registration: string | undefined
  granted: number
  spent: number
}

interface Started {
  readonly instanceId: string
  readonly runKey: string
  onSlot: boolean
}

const leaves = new Set([
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.dead_lettered",
  "task.retrying",
  "task.requeued"
])

const breaks = (message: string): Violation => ({ invariant: "I6", message })

export class LaneAccount {
  readonly lane: string
  /** By instance id. */
  readonly leases = new Map<string, Lease>()
  readonly #running = new Map<string, Started>()
  /** Attempts that the lane gave up and that are not known to be over: their instance, by run key. */
  readonly #givenUp = new Map<string, string>()

  constructor(lane: string) {
    this.lane = lane
  }

  #free(instanceId: string): void {
    const lease = this.leases.get(instanceId)
    if (lease !== undefined) lease.spent--
  }

  #started(event: Event): ReadonlyArray<Violation> {
    const { attempt, instanceId, taskId } = event
    const onSlot = event["onSlot"] === true
    this.#running.set(taskId, { instanceId, runKey: `${taskId}.${attempt}`, onSlot })
    if (!onSlot) return []
    const lease = this.leases.get(instanceId)
    if (lease === undefined) return [breaks(`${this.lane} started ${taskId} on ${instanceId} without a slot there`)]
    lease.spent++
    return lease.spent > lease.granted
      ? [breaks(`${this.lane} spends ${lease.spent} of ${lease.granted} slots at ${instanceId} to start ${taskId}`)]
      : []
  }

  #left(event: Event): void {
    const run = this.#running.get(event["taskId"])
    this.#running.delete(event["taskId"])
    if (run?.onSlot !== true) return
    if (event["givenUp"] === true) this.#givenUp.set(run.runKey, run.instanceId)
    else this.#free(run.instanceId)
  }

  #granted(event: Event): void {
    const { count, instanceId, registration } = event
    const lease = this.leases.get(instanceId)
    if (lease?.registration === registration && lease !== undefined) lease.granted += count
    else this.leases.set(instanceId, { registration, granted: count, spent: lease?.spent ?? 0 })
  }

  #returned(event: Event): ReadonlyArray<Violation> {
    const { count, instanceId } = event
    const lease = this.leases.get(instanceId)
    if (lease === undefined) return [breaks(`${this.lane} returned a slot of ${instanceId} that it did not have`)]
    lease.granted -= count
    return lease.spent > lease.granted
      ? [breaks(`${this.lane} returned a slot of ${instanceId} on which something may run`)]
      : []
  }

  #revoked({ instanceId }: Event): void {
    this.leases.delete(instanceId)
    for (const run of this.#running.values()) if (run.instanceId === instanceId) run.onSlot = false
    for (const [runKey, where] of this.#givenUp) if (where === instanceId) this.#givenUp.delete(runKey)
  }

  #over(event: Event): void {
    for (const runKey of event["runKeys"]) if (this.#givenUp.delete(runKey)) this.#free(event["instanceId"])
  }

  on(event: Event): ReadonlyArray<Violation> {
    if (leaves.has(event._tag)) this.#left(event)
    switch (event._tag) {
      case "task.started":
        return this.#started(event)
      case "lane.internal_slots_granted":
        this.#granted(event)
        return []
      case "lane.internal_slots_returned":
        return this.#returned(event)
      case "lane.internal_slots_revoked":
        this.#revoked(event)
        return []
      case "lane.internal_given_up_over":
        this.#over(event)
        return []
      default:
        return []
    }
  }
}
