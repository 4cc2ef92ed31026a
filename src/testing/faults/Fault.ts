/** The faults of a run, as plain data: with the scenario, a list of faults and a seed determine a run completely. */
import type { StoreTrouble } from "../store/Database.ts"

interface Timed {
  /** Milliseconds after the start. */
  readonly at: number
}

interface Lasting extends Timed {
  readonly forMillis: number
}

export type Fault =
  /**
   * SIGKILL, and a restart after `forMillis`. `quietly`: the whole machine loses power, so no port refuses its callers.
   */
  | (Lasting & { readonly kind: "crash"; readonly runner: string; readonly quietly?: boolean })
  /** SIGSTOP, and SIGCONT after `forMillis`: the process continues with its old memory. */
  | (Lasting & { readonly kind: "freeze"; readonly runner: string })
  /** SIGTERM, and a restart after `forMillis`. */
  | (Lasting & { readonly kind: "stop"; readonly runner: string })
  /**
   * Packets from `from` to `to` wait until the partition heals; without `oneWay` also in the other direction. Nodes
   * have names such as `runner-1`, `client`, `store`.
   */
  | (Lasting & { readonly kind: "partition"; readonly from: string; readonly to: string; readonly oneWay?: boolean })
  | (Lasting & {
      readonly kind: "network"
      readonly from: string
      readonly to: string
      readonly delayMillis?: readonly [low: number, high: number]
      /** Probabilities per packet. */
      readonly drop?: number
      readonly duplicate?: number
      readonly reorder?: number
    })
  /** `from`: only the statements of this runner are affected. */
  | (Lasting & {
      readonly kind: "store"
      readonly trouble: StoreTrouble
      readonly probability: number
      readonly from?: string
    })
  /** The runner's wall clock jumps and keeps the new offset. */
  | (Timed & { readonly kind: "skew"; readonly runner: string; readonly millis: number })
  /** A fault of the scenario's own world, which `disturb` interprets. */
  | (Lasting & { readonly kind: "outside"; readonly name: string; readonly target: string; readonly amount?: number })

export type FaultKind = Fault["kind"]

export const allKinds: ReadonlyArray<FaultKind> = [
  "crash",
  "freeze",
  "stop",
  "partition",
  "network",
  "store",
  "skew",
  "outside"
]

export const endOf = (fault: Fault): number => (fault.kind === "skew" ? fault.at : fault.at + fault.forMillis)

const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`

export const describe = (fault: Fault): string => {
  switch (fault.kind) {
    case "crash":
      return `${fault.quietly === true ? "power loss" : "crash"} of ${fault.runner} for ${seconds(fault.forMillis)}`
    case "freeze":
      return `freeze of ${fault.runner} for ${seconds(fault.forMillis)}`
    case "stop":
      return `stop of ${fault.runner} for ${seconds(fault.forMillis)}`
    case "partition":
      return `partition ${fault.from} ${fault.oneWay === true ? "to" : "and"} ${fault.to} for ${seconds(fault.forMillis)}`
    case "network": {
      const { delayMillis, drop, duplicate, reorder } = fault
      const what = Object.entries({ delay: delayMillis?.join("-"), drop, duplicate, reorder }).flatMap(
        ([name, value]) => (value === undefined ? [] : [`${name} ${value}`])
      )
      return `network ${fault.from} to ${fault.to}: ${what.join(", ")} for ${seconds(fault.forMillis)}`
    }
    case "store":
      return `store ${fault.trouble}${fault.probability < 1 ? ` (${fault.probability})` : ""} for ${
        fault.from ?? "all"
      }, ${seconds(fault.forMillis)}`
    case "skew":
      return `clock of ${fault.runner} jumps by ${fault.millis} ms`
    case "outside":
      return `${fault.name} at ${fault.target} for ${seconds(fault.forMillis)}`
  }
}
