/** An instance as one routing round sees it. */
import type { InstanceStatus } from "../../schema/Instance.ts"
import { loadOfFailures } from "../../schema/instance/RecentFailures.ts"
import { hashOf } from "./RoutingHash.ts"

export interface Candidate {
  readonly status: InstanceStatus
  readonly capabilities: ReadonlySet<string>
  /** Undefined when any model is allowed. */
  readonly models: ReadonlySet<string> | undefined
  readonly seed: number
  /** Attempts running there, as far as the caller knows. Incremented as a plan assigns. */
  running: number
  /** Unix milliseconds until which the instance asked not to be tried. */
  readonly busyUntil: number
  /** Slots that the caller holds there and has not spent. Undefined when the instance grants none to callers. */
  free: number | undefined
  /** The caller holds no free slot there, and may expect one soon when it asks. */
  readonly mayAsk: boolean
}

interface Fixed {
  readonly capabilities: ReadonlySet<string>
  readonly models: ReadonlySet<string> | undefined
  readonly seed: number
}

const fixed = new WeakMap<InstanceStatus, Fixed>()

const fixedOf = (status: InstanceStatus): Fixed => {
  let known = fixed.get(status)
  if (known === undefined) {
    known = {
      capabilities: new Set(status.capabilities),
      models: status.allowedModels.length === 0 ? undefined : new Set(status.allowedModels),
      seed: hashOf(status.instanceId)
    }
    fixed.set(status, known)
  }
  return known
}

export interface Knowledge {
  readonly free?: number
  readonly mayAsk?: boolean
  readonly running?: number
  readonly busyUntil?: number
}

/** What the caller knows better replaces the values of the snapshot. */
export const make = (status: InstanceStatus, known: Knowledge = {}): Candidate => {
  const { capabilities, models, seed } = fixedOf(status)
  return {
    status,
    capabilities,
    models,
    seed,
    running: known.running ?? status.load.runningTasks,
    busyUntil: known.busyUntil ?? 0,
    free: known.free,
    mayAsk: known.mayAsk === true
  }
}

/** Attempts running and queued there. */
export const queueDepth = (candidate: Candidate): number => candidate.running + candidate.status.load.queuedTasks

const isImpaired = ({ status }: Candidate): boolean => status.health === "degraded" || status.breaker === "half_open"

/** Recent failures, at most as much as a full instance. */
const failuresOf = ({ status }: Candidate, now: number): number =>
  status.recentFailures === undefined
    ? 0
    : Math.min(status.maxConcurrentTasks, loadOfFailures(status.recentFailures, now))

/** Its recent runs failed, so a slot that is at hand there is no reason to start on it. */
export const isFailing = ({ status }: Candidate, now: number): boolean =>
  status.recentFailures !== undefined && loadOfFailures(status.recentFailures, now) >= 1

/**
 * The load that policies compare. Recent failures count as load, and an impaired instance as twice as loaded and never
 * as idle.
 */
export const loadOf = (candidate: Candidate, now: number): number => {
  const load = queueDepth(candidate) + failuresOf(candidate, now)
  return isImpaired(candidate) ? load * 2 + 2 : load
}
