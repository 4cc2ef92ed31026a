/**
 * Chooses an instance for one task: filter, then score. Pure, and fast enough to run for every task of a full lane.
 *
 * The choice is the minimum by (standing with the earlier attempts, policy class, affinity or else a slot at hand where
 * no runs fail and then load, tie-break). Each candidate is scored by itself, so removing an instance that was not
 * chosen never changes the choice. The tie-break is a hash of the task and the instance, so that lanes that see the
 * same snapshot do not all choose the same instance.
 */
import type { InstanceId, Placement } from "../../schema/Ids.ts"
import type { RoutingHints, RoutingPolicy } from "../../schema/Task.ts"
import { type Candidate, isFailing, loadOf, queueDepth } from "./Candidate.ts"
import { explainNone, rejectedBy, type RouteRequest } from "./Filter.ts"
import { hashOf, mix } from "./RoutingHash.ts"
import { explainStanding, standingOf } from "./Standing.ts"

export interface Routed {
  readonly _tag: "Routed"
  readonly candidate: Candidate
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly because: string
  readonly queueDepth: number
  readonly estimatedLatencyMillis: number
  readonly capabilities: ReadonlyArray<string>
  /**
   * Policy Fallback: the instance that the next attempt goes to when this one fails, while it is eligible then. Absent
   * when only one is eligible. Nothing is reserved there.
   */
  readonly backup?: InstanceId
}

export interface Unroutable {
  readonly _tag: "Unroutable"
  readonly reason: string
}

export type RouteDecision = Routed | Unroutable

/** The requested policy, or the one that fits the other hints. */
export const policyOf = (hints: RoutingHints): RoutingPolicy => {
  if (hints.policy !== undefined) return hints.policy
  if (hints.preferredRegion !== undefined) return "GeoAware"
  return (hints.requiredCapabilities?.length ?? 0) > 0 ? "CapabilityAware" : "LeastLoaded"
}

/** The lower class wins, whatever the load. */
const classOf = (policy: RoutingPolicy, request: RouteRequest, { capabilities, status }: Candidate): number => {
  switch (policy) {
    case "CapabilityAware":
      return capabilities.size - (request.hints.requiredCapabilities?.length ?? 0)
    case "GeoAware":
      return request.hints.preferredRegion === undefined || status.region === request.hints.preferredRegion ? 0 : 1
    case "TenantAffinity":
      if (status.tenancy._tag === "dedicated") return 0
      return status.instanceId === request.lastInstanceId ? 1 : 2
    case "LeastLoaded":
    case "Fallback":
      return 0
  }
}

/** Whether it matters to the work where it runs, beyond what an instance must meet. */
export const isParticular = (request: RouteRequest): boolean => {
  if (request.tried !== undefined || request.sessionId !== undefined) return true
  const policy = policyOf(request.hints)
  return policy !== "LeastLoaded" && policy !== "Fallback"
}

/** The key of what should stay together, if anything: a session, or under TenantAffinity a workspace. */
const affinityOf = (policy: RoutingPolicy, { sessionId, tenantId, workspaceId }: RouteRequest): string | undefined => {
  if (sessionId !== undefined) return `${tenantId}/${sessionId}`
  return policy === "TenantAffinity" && workspaceId !== undefined ? `${tenantId}/${workspaceId}` : undefined
}

const explain = (policy: RoutingPolicy, affinity: string | undefined, chosen: Candidate, eligible: number): string => {
  const { health, instanceId, maxConcurrentTasks, region } = chosen.status
  const place = region === undefined ? "" : ` in ${region}`
  const rule = affinity === undefined ? `${policy}:` : `${policy} with affinity of ${affinity}:`
  const impaired = health === "degraded" ? ", degraded" : ""
  return `${rule} ${instanceId}${place}${impaired} runs ${queueDepth(chosen)} of ${maxConcurrentTasks}, best of ${eligible} eligible`
}

export const route = (request: RouteRequest, candidates: ReadonlyArray<Candidate>, now: number): RouteDecision => {
  const policy = policyOf(request.hints)
  const affinity = affinityOf(policy, request)
  const order: Order = { request, policy, sticky: affinity !== undefined, seed: hashOf(affinity ?? request.key) }
  const { best, eligible } = least(order, candidates, now, undefined)
  if (best === undefined) return { _tag: "Unroutable", reason: explainNone(request, candidates, now) }
  const backup = policy === "Fallback" ? least(order, candidates, now, best).best?.status.instanceId : undefined
  const because = explain(policy, affinity, best, eligible) + explainStanding(request.tried, best.status.instanceId)
  const routed: Routed = {
    _tag: "Routed",
    candidate: best,
    instanceId: best.status.instanceId,
    placement: best.status.placement,
    because: backup === undefined ? because : `${because}; backup ${backup}`,
    queueDepth: queueDepth(best),
    estimatedLatencyMillis: best.status.load.latencyMillis ?? 0,
    capabilities: best.status.capabilities
  }
  return backup === undefined ? routed : { ...routed, backup }
}

/** A slot at hand goes first, and one at hand where runs fail last. */
const waitOf = (candidate: Candidate, now: number): number => {
  const { free } = candidate
  if (free === undefined) return 0
  return isFailing(candidate, now) ? 2 : free > 0 ? 0 : 1
}

interface Order {
  readonly request: RouteRequest
  readonly policy: RoutingPolicy
  /** Affinity takes precedence over load. */
  readonly sticky: boolean
  readonly seed: number
}

const least = (
  { policy, request, seed, sticky }: Order,
  candidates: ReadonlyArray<Candidate>,
  now: number,
  except: Candidate | undefined
): { readonly best: Candidate | undefined; readonly eligible: number } => {
  const { tried } = request
  let best: Candidate | undefined
  let bestStanding = 0
  let bestGroup = 0
  let bestWait = 0
  let bestScore = 0
  let bestTie = 0
  let eligible = 0
  for (const candidate of candidates) {
    if (candidate === except || rejectedBy(request, candidate, now) >= 0) continue
    eligible++
    const standing = standingOf(tried, candidate.status.instanceId)
    const group = classOf(policy, request, candidate)
    const tie = mix(seed, candidate.seed)
    const score = sticky ? 0 : loadOf(candidate, now)
    const wait = waitOf(candidate, now)
    const order =
      best === undefined
        ? -1
        : standing - bestStanding ||
          group - bestGroup ||
          (sticky ? tie - bestTie : wait - bestWait || score - bestScore || tie - bestTie)
    if (order > 0 || (order === 0 && best !== undefined && candidate.status.instanceId > best.status.instanceId))
      continue
    best = candidate
    bestStanding = standing
    bestGroup = group
    bestWait = wait
    bestScore = score
    bestTie = tie
  }
  return { best, eligible }
}
