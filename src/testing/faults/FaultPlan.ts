/** Draws a list of faults from a seed. Every fault is over before the run is, so that recovery can be observed. */
import { databaseNode } from "../store/Database.ts"
import type { Prng } from "../world/Prng.ts"
import { endOf, type Fault, type FaultKind } from "./Fault.ts"

export interface PlanOptions {
  /** Absent: all kinds, but `outside` only when `outside` below is given. */
  readonly kinds?: ReadonlyArray<FaultKind>
  /** Mean milliseconds from one fault to the next; 6 s when absent. */
  readonly everyMillis?: number
  /** Draws a fault of the scenario's own world that begins at `at`. */
  readonly outside?: (random: Prng, at: number) => Fault
}

interface Setting {
  readonly runners: ReadonlyArray<string>
  readonly durationMillis: number
  readonly leaseMillis: number
}

export type FaultSource = ReadonlyArray<Fault> | PlanOptions

const ordinary: ReadonlyArray<FaultKind> = ["crash", "freeze", "stop", "partition", "network", "store", "skew"]
/**
 * Milliseconds without faults: at the start for the first assignments of shards, and at the end for the last fault to
 * heal within the run.
 */
const quietMillis = 5_000
/** Milliseconds for a runner to be back before its next fault. */
const restMillis = 2_000
const feltMillis = 2_500

const draw = (kind: FaultKind, at: number, random: Prng, setting: Setting, options: PlanOptions): Fault => {
  const runner = random.pick(setting.runners)
  const processes = [...setting.runners, "client"]
  const pair = (nodes: ReadonlyArray<string>) => {
    const from = random.pick(nodes)
    return { from, to: random.pick(nodes.filter((node) => node !== from)) }
  }
  switch (kind) {
    case "crash":
      return { kind, at, runner, forMillis: Math.round(random.between(200, 15_000)), quietly: random.chance(0.3) }
    case "freeze":
      return { kind, at, runner, forMillis: Math.round(random.between(100, 3 * setting.leaseMillis)) }
    case "stop":
      return { kind, at, runner, forMillis: Math.round(random.between(2_000, 15_000)) }
    case "partition":
      return {
        kind,
        at,
        ...pair([...processes, databaseNode]),
        forMillis: Math.round(random.between(5_500, 20_000)),
        oneWay: random.chance(0.4)
      }
    case "network": {
      const what = random.int(0, 3)
      return {
        kind,
        at,
        /** Only packets of a socket connection have an order and can be duplicated. */
        ...pair(what >= 2 ? processes : [...processes, databaseNode]),
        forMillis: Math.round(random.between(5_500, 20_000)),
        ...(what === 0 ? { delayMillis: [20, Math.round(random.between(100, 2_000))] as const } : {}),
        ...(what === 1 ? { drop: 0.3 } : {}),
        ...(what === 2 ? { duplicate: 0.5, reorder: 0.5 } : {}),
        ...(what === 3 ? { reorder: 0.5 } : {})
      }
    }
    case "store": {
      const trouble = random.pick(["slow", "refuse", "lose-reply", "down", "full"] as const)
      const whole = trouble === "down" || trouble === "full"
      return {
        kind,
        at,
        trouble,
        probability: whole ? 1 : 0.3,
        forMillis: Math.round(random.between(whole ? 1_500 : 3_000, whole ? 8_000 : 10_000)),
        ...(random.chance(0.5) ? { from: runner } : {})
      }
    }
    case "skew":
      return { kind, at, runner, millis: Math.round(random.between(-2_000, 2_000)) }
    case "outside":
      return options.outside!(random, at)
  }
}

/**
 * The endpoints that must be up for the fault to have an effect; empty for faults that affect whichever process is
 * running.
 */
const linkOf = (fault: Fault): ReadonlyArray<string> => {
  if (fault.kind === "partition" || fault.kind === "network") return [fault.from, fault.to]
  if (fault.kind !== "store") return []
  return fault.from === undefined ? [databaseNode] : [fault.from, databaseNode]
}

const linkKey = (ends: ReadonlyArray<string>): string => [...ends].sort().join(" ")

/**
 * The runners that a fault cuts off from the store. A runner that starts during the fault does not join the cluster.
 */
const cutOffFromStore = (fault: Fault, runners: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ends = linkOf(fault)
  if (!ends.includes(databaseNode)) return []
  return ends.length === 1 ? runners : ends.filter((node) => node !== databaseNode)
}

export const plan = (random: Prng, setting: Setting, options: PlanOptions): ReadonlyArray<Fault> => {
  const kinds = options.kinds ?? (options.outside === undefined ? ordinary : [...ordinary, "outside" as const])
  const every = options.everyMillis ?? 6_000
  const faults: Array<Fault> = []
  /** End of each runner's own fault and of the rest after it: a process has one fault at a time. */
  const busyUntil = new Map<string, number>()
  /** Until when a runner gets no fault of its own, so that another fault can take effect on it. */
  const neededUntil = new Map<string, number>()
  const heldUntil = new Map<string, number>()
  const busy = (node: string) => busyUntil.get(node) ?? 0
  const held = (key: string) => heldUntil.get(key) ?? 0
  let at = quietMillis
  const isDown = (node: string) => busy(node) > at
  /**
   * When a process is part of the cluster: a runner that starts while it is cut off from the store joins once that
   * fault has healed.
   */
  const isThereFrom = (node: string) =>
    isDown(node) ? Math.max(busy(node), held(linkKey([node, databaseNode])), held(databaseNode)) : at
  /** Whether a runner is about to start and an earlier fault still has to take effect on it. */
  const isAwaited = (runner: string) => isDown(runner) && (neededUntil.get(runner) ?? 0) > busy(runner)
  while (true) {
    at += Math.round(-Math.log(1 - random.next()) * every)
    if (at > setting.durationMillis - quietMillis) return faults
    const fault = draw(random.pick(kinds), at, random, setting, options)
    if (endOf(fault) > setting.durationMillis - quietMillis) continue
    if ("runner" in fault) {
      if (Math.max(busy(fault.runner), neededUntil.get(fault.runner) ?? 0) > at) continue
      busyUntil.set(fault.runner, endOf(fault) + restMillis)
    }
    /** A fault of the scenario's own world hides any other such fault at the same target. */
    const place = fault.kind === "outside" ? `outside ${fault.target}` : undefined
    if (place !== undefined && held(place) > at) continue
    /** A fault of a link takes effect only while both ends are up and no other fault holds that link. */
    const needs = linkOf(fault)
    const from = Math.max(at, ...needs.map(isThereFrom))
    if (endOf(fault) < from + feltMillis && needs.some(isDown)) continue
    if (cutOffFromStore(fault, setting.runners).some(isAwaited)) continue
    const link = linkKey(needs)
    /** A fault of the whole store affects each of its callers, so a store fault of one runner must not overlap it. */
    const holds = fault.kind === "store" ? [link, databaseNode] : [link]
    if (holds.some((key) => held(key) > at)) continue
    if (needs.length > 0) heldUntil.set(link, endOf(fault))
    if (place !== undefined) heldUntil.set(place, endOf(fault))
    for (const node of needs) neededUntil.set(node, Math.max(neededUntil.get(node) ?? 0, from + feltMillis))
    faults.push(fault)
  }
}
