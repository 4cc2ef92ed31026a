/**
 * Faults that a test injects into a simulated gateway. Each fault that took effect is counted, so that a test can
 * verify that it did.
 */
import type { DriverError } from "../InstanceDriver.ts"

/** A fault with a count (`turns`, `starts`; 1 when not given) is used up; the others last until `heal`. */
export type Fault =
  /** The turn takes `millis` longer. */
  | { readonly _tag: "slow"; readonly millis: number; readonly turns?: number }
  /** The turn starts and never ends by itself. */
  | { readonly _tag: "hang"; readonly turns?: number }
  | { readonly _tag: "providerError"; readonly status: number; readonly turns?: number }
  /** The turn fails at once without a reason from the gateway, as when its state folder was removed. */
  | { readonly _tag: "failure"; readonly message: string; readonly turns?: number }
  /** The process dies `afterMillis` after the turn began (0 when not given), like by SIGKILL. */
  | { readonly _tag: "crash"; readonly afterMillis?: number; readonly turns?: number }
  /** All sockets are lost when the turn begins; the turn continues. */
  | { readonly _tag: "dropSocket"; readonly turns?: number }
  /** The turn ends and is in the transcript; all sockets are lost before any client receives the end. */
  | { readonly _tag: "lostReply"; readonly turns?: number }
  | { readonly _tag: "startFailure"; readonly reason: DriverError["reason"]; readonly starts?: number }
  /** The address does not answer and links are lost. The process and its turns continue. */
  | { readonly _tag: "unreachable" }
  /** Requests are read and never answered. */
  | { readonly _tag: "unresponsive" }
  /** Links are refused because the gateway speaks another protocol version. */
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

  /** At most 1,000 faults may be pending; above that the oldest is dropped. */
  order(fault: Fault): void {
    if (this.#ordered.length >= limit) this.#ordered.shift()
    this.#ordered.push({ fault, left: uses(fault) })
  }

  /** Removes this fault, or all faults when none is given. */
  heal(fault?: Fault): void {
    this.#ordered = fault === undefined ? [] : this.#ordered.filter((order) => order.fault !== fault)
  }

  /** The active fault of this kind, without using it up. Each check that finds one is counted. */
  standing<T extends Tag>(tag: T): Of<T> | undefined {
    const order = this.#ordered.find((candidate) => candidate.fault._tag === tag)
    if (order !== undefined) this.#see(tag)
    return order?.fault as Of<T> | undefined
  }

  /** The next fault of this kind; takes one of its uses. */
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
