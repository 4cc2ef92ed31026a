/**
 * Routing decisions over 50 instances that differ in region, capabilities, models and load; tasks that differ in what
 * they ask. The baseline is the router one writes first: filter, map to scores, sort, take the first.
 */
import { Effect } from "effect"
import * as Candidate from "../../src/entities/routing/Candidate.ts"
import type { RouteRequest } from "../../src/entities/routing/Filter.ts"
import { route } from "../../src/entities/routing/Router.ts"
import { defaultPlacement, InstanceId, TenantId } from "../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../src/schema/Instance.ts"
import { type Case, interleave, measured } from "../harness/case.ts"

const instances = 50
const regions = ["eu", "us", "ap"]
const capabilities = ["browser", "code", "mail", "voice"]

const statusOf = (n: number): InstanceStatus => ({
  instanceId: InstanceId.make(`instance-${n}`),
  driver: "simulated",
  placement: defaultPlacement,
  region: regions[n % 3]!,
  tenancy: n % 10 === 0 ? { _tag: "dedicated", tenantId: TenantId.make("tenant-0") } : { _tag: "shared" },
  capabilities: capabilities.filter((_, index) => (n + index) % 3 !== 0),
  allowedModels: n % 4 === 0 ? ["small"] : [],
  maxConcurrentTasks: 16,
  maxConcurrentSessions: 100,
  phase: n % 17 === 0 ? "warming" : "warm",
  health: n % 13 === 0 ? "degraded" : "healthy",
  occupancy: "warm",
  breaker: n % 19 === 0 ? "open" : "closed",
  load: { runningTasks: n % 12, activeSessions: 0, queuedTasks: 0, latencyMillis: n },
  restarts: 0,
  registeredAt: 0
})

const requestOf = (n: number): RouteRequest => ({
  tenantId: TenantId.make(`tenant-${n % 5}`),
  key: `task-${n}`,
  hints: {
    ...(n % 2 === 0 ? { requiredCapabilities: [capabilities[n % 4]!] } : {}),
    ...(n % 3 === 0 ? { preferredRegion: regions[n % 3]! } : {}),
    ...(n % 7 === 0 ? { model: "small" } : {})
  }
})

const naive = (request: RouteRequest, fleet: ReadonlyArray<InstanceStatus>): InstanceId | undefined =>
  fleet
    .filter(
      ({ allowedModels, breaker, capabilities, health, load, maxConcurrentTasks, phase, tenancy }) =>
        (tenancy._tag === "shared" || tenancy.tenantId === request.tenantId) &&
        (phase === "warm" || phase === "claimed") &&
        (request.hints.requiredCapabilities ?? []).every((needed) => capabilities.includes(needed)) &&
        (request.hints.model === undefined ||
          allowedModels.length === 0 ||
          allowedModels.includes(request.hints.model)) &&
        (health === "healthy" || health === "degraded") &&
        breaker === "closed" &&
        load.runningTasks + load.queuedTasks < maxConcurrentTasks
    )
    .map((status) => ({
      status,
      far: request.hints.preferredRegion === undefined || status.region === request.hints.preferredRegion ? 0 : 1,
      load: status.load.runningTasks + status.load.queuedTasks
    }))
    .sort((a, b) => a.far - b.far || a.load - b.load || a.status.instanceId.localeCompare(b.status.instanceId))[0]
    ?.status.instanceId

const rate = (millis: number, decide: (request: RouteRequest) => unknown, requests: ReadonlyArray<RouteRequest>) =>
  Effect.sync(() => {
    const startedAt = performance.now()
    let decisions = 0
    while (performance.now() - startedAt < millis) {
      for (const request of requests) decide(request)
      decisions += requests.length
    }
    return (decisions * 1_000) / (performance.now() - startedAt)
  })

export const routing: Case = {
  ids: ["routing"],
  run: Effect.fnUntraced(function* (bench) {
    const fleet = Array.from({ length: instances }, (_, n) => statusOf(n))
    const candidates = fleet.map((status) => Candidate.make(status))
    const requests = Array.from({ length: 1_000 }, (_, n) => requestOf(n))
    const millis = Math.min(2_000, bench.seconds * 1_000)
    const decide = (request: RouteRequest) => route(request, candidates, 0)
    const decideNaively = (request: RouteRequest) => naive(request, fleet)

    yield* rate(500, decide, requests)
    yield* rate(500, decideNaively, requests)
    const { ours, theirs } = yield* interleave(
      bench,
      () => rate(millis, decide, requests),
      () => rate(millis, decideNaively, requests)
    )
    return [
      measured(
        "routing",
        "decisions/s",
        ours,
        theirs,
        `${instances} instances, each decision explained; naive: filter and sort`
      )
    ]
  })
}
