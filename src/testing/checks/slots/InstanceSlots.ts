/** What the journal of instances says of their slots: who holds how many, and which runs take one. */
import { parseInstanceEntityId } from "../../../schema/Ids.ts"
import type { HistoryRow, Violation } from "../History.ts"

type Event = HistoryRow["events"][number]

interface Ref {
  readonly entityType: string
  readonly entityId: string
}

export const holderKeyOf = ({ entityId, entityType }: Ref): string => `${entityType}/${entityId}`

/** The key under which an instance keeps the slots that it grants for single runs of an origin. */
const singleRunsOf = (origin: Ref): string => `${holderKeyOf(origin)}#run`

const runIdOf = ({ entityId, entityType }: Ref, runKey: string): string =>
  `${entityType}:${entityId.replaceAll("/", ":")}:${runKey}`

const breaks = (message: string): Violation => ({ invariant: "I6", message })

/** The slots of one instance. */
export class InstanceAccount {
  readonly instanceId: string
  registration: string | undefined
  /** By holder. */
  readonly held = new Map<string, number>()
  /** The holder whose slot each run takes, by run id; undefined when nobody holds one for it. */
  readonly #runs = new Map<string, string | undefined>()
  #cap = Infinity
  #taken = 0

  constructor(instanceId: string) {
    this.instanceId = instanceId
  }

  #begin(registration: string | undefined): void {
    this.registration = registration
    this.held.clear()
    this.#runs.clear()
    this.#taken = 0
  }

  #move(key: string, by: number): ReadonlyArray<Violation> {
    const next = (this.held.get(key) ?? 0) + by
    this.held.set(key, next)
    return next < 0 ? [breaks(`${this.instanceId} took back more slots of ${key} than it had granted`)] : []
  }

  #accepted(event: Event): ReadonlyArray<Violation> {
    const { origin, runKey } = event["secret"].attempt as { readonly origin: Ref; readonly runKey: string }
    const key =
      event["onSlot"] !== true ? undefined : event["ownSlot"] === true ? singleRunsOf(origin) : holderKeyOf(origin)
    this.#runs.set(runIdOf(origin, runKey), key)
    if (key === undefined) return []
    const running = [...this.#runs.values()].filter((other) => other === key).length
    const held = this.held.get(key) ?? 0
    return running > held ? [breaks(`${this.instanceId} runs ${running} on the ${held} slots of ${key}`)] : []
  }

  #ended(event: Event): ReadonlyArray<Violation> {
    const key = this.#runs.get(event["runId"])
    this.#runs.delete(event["runId"])
    return key?.endsWith("#run") === true ? this.#move(key, -1) : []
  }

  #on(event: Event): ReadonlyArray<Violation> {
    switch (event._tag) {
      case "instance.registered":
        this.#begin(event["registration"])
        this.#cap = event["secret"].spec.maxConcurrentTasks
        return []
      case "instance.updated":
        this.#cap = event["secret"].spec.maxConcurrentTasks
        return []
      case "instance.deregistered":
        this.held.clear()
        return []
      case "instance.internal_slots_granted":
        return event["grants"].flatMap(({ count, key }: { readonly key: string; readonly count: number }) =>
          this.#move(key, count)
        )
      case "instance.internal_slots_returned":
        return this.#move(holderKeyOf(event["holder"]), -event["count"])
      case "run.accepted":
        return this.#accepted(event)
      case "run.ended":
        return this.#ended(event)
      default:
        return []
    }
  }

  /** One commit. A cap that was lowered may be passed by what was given away before, and by nothing after. */
  commit(events: ReadonlyArray<Event>): ReadonlyArray<Violation> {
    const found = events.flatMap((event) => this.#on(event))
    const before = this.#taken
    const direct = [...this.#runs.values()].filter((key) => key === undefined).length
    this.#taken = [...this.held.values()].reduce((sum, count) => sum + count, direct)
    return this.#taken > this.#cap && this.#taken > before
      ? [...found, breaks(`${this.instanceId} gives away ${this.#taken} slots, its cap is ${this.#cap}`)]
      : found
  }
}

export const instanceIdOf = ({ entityId }: HistoryRow): string => parseInstanceEntityId(entityId).instanceId
