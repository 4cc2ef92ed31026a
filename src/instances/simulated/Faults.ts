/**
 * Faults that a test orders from a simulated gateway. Each that took effect is counted, so that a test can see it did.
 */
import type { DriverError } from "../InstanceDriver.ts"

/** A fault with a count (`turns`, `starts`; 1 when not given) is used up; the others last until `heal`. */
export type Fault =
  /** The turn takes `millis` longer. */
  | { readonly _tag: "slow"; readonly millis: number; readonly turns?: number }
  /** The turn starts and never ends by itself. */
  | { readonly _tag: "hang"; readonly turns?: number }
  | { readonly _tag: "providerError"; readonly status: number; readonly turns?: number }
  /** The turn fails at once, for no reason that the gateway names, as when its state folder is gone. */
  | { readonly _tag: "failure"; readonly message: string; readonly turns?: number }
  /** The process dies `afterMillis` after the turn began (0 when not given), as by SIGKILL. */
  | { readonly _tag: "crash"; readonly afterMillis?: number; readonly turns?: number }
  /** All sockets are lost when the turn began; the turn goes on. */
  | { readonly _tag: "dropSocket"; readonly turns?: number }
  /** The turn ends and is in the transcript; the socket is lost before anyone hears of it. */
  | { readonly _tag: "lostReply"; readonly turns?: number }
  | { readonly _tag: "startFailure"; readonly reason: DriverError["reason"]; readonly starts?: number }
  /** The address answers nobody; links are lost. The process lives on, and so do its turns. */
  | { readonly _tag: "unreachable" }
  /** Requests are read and never answered. */
  | { readonly _tag: "unresponsive" }
  /** Links are refused, since the gateway speaks another protocol version. */
  | { readonly _tag: "otherProtocol" }

type Tag = Fault["_tag"]
type Of<T extends Tag> = Extract<Fault, { readonly _tag: T }>

const limit = 1_000

const uses = (fault: Fault): number => {
  switch (fault._tag) {
    case "unreachable":
    case "unresponsive":
    case "otherProtocol":
      return Infinity
    case "startFailure":
      return fault.starts ?? 1
    default:
      return fault.turns ?? 1
  }
}

export class Faults {
  #ordered: Array<{ readonly fault: Fault; left: number }> = []
  readonly seen = new Map<Tag, number>()

  /** At most 1,000 may wait; the oldest is dropped. */
  order(fault: Fault): void {
    if (this.#ordered.length >= limit) this.#ordered.shift()
    this.#ordered.push({ fault, left: uses(fault) })
  }

  /** Only this one, when it is given. */
  heal(fault?: Fault): void {
    this.#ordered = fault === undefined ? [] : this.#ordered.filter((order) => order.fault !== fault)
  }

  /** The fault of this kind that is in force, without using it up. */
  standing<T extends Tag>(tag: T): Of<T> | undefined {
    const order = this.#ordered.find((candidate) => candidate.fault._tag === tag)
    if (order !== undefined) this.#see(tag)
    return order?.fault as Of<T> | undefined
  }

  /** The next fault of this kind, used up by one. */
  take<T extends Tag>(tag: T): Of<T> | undefined {
    if (this.#ordered.length === 0) return undefined
    const order = this.#ordered.find((candidate) => candidate.fault._tag === tag)
    if (order === undefined) return undefined
    this.#see(tag)
    order.left -= 1
    if (order.left <= 0) this.#ordered.splice(this.#ordered.indexOf(order), 1)
    return order.fault as Of<T>
  }

  #see(tag: Tag): void {
    this.seen.set(tag, (this.seen.get(tag) ?? 0) + 1)
  }
}
