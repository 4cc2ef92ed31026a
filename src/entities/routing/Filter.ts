/**
 * Conditions that an instance must meet to get a task at all, in a fixed order: the first filter that rejects the
 * instance gives the reason.
 */
import type { InstanceId, TenantId } from "../../schema/Ids.ts"
import type { Tried } from "../../schema/runs/Tried.ts"
import type { RoutingHints } from "../../schema/Task.ts"
import { type Candidate, queueDepth } from "./Candidate.ts"

export interface RouteRequest {
  readonly tenantId: TenantId
  /** Spreads equal candidates: the same key over the same fleet goes to the same instance. */
  readonly key: string
  readonly hints: RoutingHints
  /** Turns of the session go to one instance while that instance is eligible. */
  readonly sessionId?: string | undefined
  readonly workspaceId?: string | undefined
  /** The instance to which the tenant's work went last. */
  readonly lastInstanceId?: InstanceId | undefined
  /** Unix milliseconds by which the work must start. */
  readonly deadlineAt?: number | undefined
  /** The work would open one more session on the instance, so the session limit counts too. */
  readonly opensSession?: boolean | undefined
  /** Where the work was tried in vain. It rejects nothing (Standing.ts). */
  readonly tried?: Tried | undefined
  /** The work would rather wait a moment for a slot where it belongs than start elsewhere. */
  readonly mayWait?: boolean | undefined
}

const noCapabilities: ReadonlyArray<string> = []

const isTenancyRejected = ({ tenantId }: RouteRequest, { status }: Candidate): boolean =>
  status.tenancy._tag === "dedicated" && status.tenancy.tenantId !== tenantId

const isRegionRejected = ({ hints }: RouteRequest, { status }: Candidate): boolean =>
  hints.regionRequired === true && hints.preferredRegion !== undefined && status.region !== hints.preferredRegion

const isPhaseRejected = (_: RouteRequest, { status }: Candidate): boolean =>
  status.phase !== "warm" && status.phase !== "claimed"

const isCapabilityRejected = ({ hints }: RouteRequest, { capabilities }: Candidate): boolean => {
  for (const capability of hints.requiredCapabilities ?? noCapabilities) {
    if (!capabilities.has(capability)) return true
  }
  return false
}

const isModelRejected = ({ hints }: RouteRequest, { models }: Candidate): boolean =>
  hints.model !== undefined && models !== undefined && !models.has(hints.model)

const isHealthRejected = (_: RouteRequest, { status }: Candidate): boolean =>
  status.health !== "healthy" && status.health !== "degraded"

/** A half-open breaker lets one attempt through as a trial. */
const isBreakerRejected = (_: RouteRequest, candidate: Candidate): boolean =>
  candidate.status.breaker === "open" || (candidate.status.breaker === "half_open" && candidate.running > 0)

const isCapacityRejected = (request: RouteRequest, candidate: Candidate, now: number): boolean => {
  const { load, maxConcurrentSessions, maxConcurrentTasks } = candidate.status
  if (candidate.busyUntil > now) return true
  if (candidate.free === undefined) {
    if (queueDepth(candidate) >= maxConcurrentTasks) return true
  } else if (candidate.free <= 0 && !(request.mayWait === true && candidate.mayAsk)) return true
  return request.opensSession === true && load.activeSessions >= maxConcurrentSessions
}

/** It has slots left, but not of its share of the deployment's cap. */
const isShareTaken = (request: RouteRequest, candidate: Candidate, now: number): boolean => {
  const { load, maxConcurrentTasks, share = Infinity } = candidate.status
  const running = Math.max(candidate.running, load.runningTasks)
  return share < maxConcurrentTasks && running >= share && isCapacityRejected(request, candidate, now)
}

const isDeadlineRejected = ({ deadlineAt, hints }: RouteRequest, { status }: Candidate, now: number): boolean =>
  (deadlineAt !== undefined && deadlineAt <= now) ||
  (hints.maxLatencyMillis !== undefined && (status.load.latencyMillis ?? 0) > hints.maxLatencyMillis)

const isOtherInstance = ({ hints }: RouteRequest, { status }: Candidate): boolean =>
  hints.instanceId !== undefined && hints.instanceId !== status.instanceId

interface Filter {
  /** Text that follows a count: "2 at capacity". */
  readonly words: string
  readonly rejects: (request: RouteRequest, candidate: Candidate, now: number) => boolean
}

export const filters: ReadonlyArray<Filter> = [
  { words: "of another tenant", rejects: isTenancyRejected },
  { words: "outside the region", rejects: isRegionRejected },
  { words: "not ready", rejects: isPhaseRejected },
  { words: "not heard of", rejects: (_, { status }) => status.health === "unknown" },
  { words: "without the capabilities", rejects: isCapabilityRejected },
  { words: "without the model", rejects: isModelRejected },
  { words: "unhealthy", rejects: isHealthRejected },
  { words: "with an open breaker", rejects: isBreakerRejected },
  { words: "at their share of the deployment's cap", rejects: isShareTaken },
  { words: "at capacity", rejects: isCapacityRejected },
  { words: "too slow", rejects: isDeadlineRejected },
  { words: "not the one asked for", rejects: isOtherInstance }
]

/** Index of the first filter that rejects the candidate; -1 when it is eligible. */
export const rejectedBy = (request: RouteRequest, candidate: Candidate, now: number): number => {
  for (let index = 0; index < filters.length; index++) {
    if (filters[index]!.rejects(request, candidate, now)) return index
  }
  return -1
}

/** Why no candidate is eligible, with counts: "3 instances: 2 at capacity, 1 unhealthy". */
export const explainNone = (request: RouteRequest, candidates: ReadonlyArray<Candidate>, now: number): string => {
  if (candidates.length === 0) return "no instance is registered"
  const counts = new Array<number>(filters.length).fill(0)
  for (const candidate of candidates) {
    const index = rejectedBy(request, candidate, now)
    if (index >= 0) counts[index]!++
  }
  const parts = counts.flatMap((count, index) => (count === 0 ? [] : [`${count} ${filters[index]!.words}`]))
  return `${candidates.length} instance${candidates.length === 1 ? "" : "s"}: ${parts.join(", ")}`
}
