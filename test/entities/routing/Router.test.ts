import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Candidate from "../../../src/entities/routing/Candidate.ts"
import { filters, rejectedBy, type RouteRequest } from "../../../src/entities/routing/Filter.ts"
import { policyOf, route } from "../../../src/entities/routing/Router.ts"
import { countMost, failureWeight, windowMillis } from "../../../src/schema/instance/RecentFailures.ts"
import { InstanceId, TenantId } from "../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import type { RoutingHints } from "../../../src/schema/Task.ts"
import { idleLoad, instanceStatus } from "../../fixtures/Fleet.ts"

const now = 1_000_000
const tenantId = TenantId.make("acme")

const request = (hints: RoutingHints = {}, overrides: Partial<RouteRequest> = {}): RouteRequest => ({
  tenantId,
  key: "t1",
  hints,
  ...overrides
})

const candidates = (statuses: ReadonlyArray<InstanceStatus>) => statuses.map((status) => Candidate.make(status))

const chosen = (of: RouteRequest, statuses: ReadonlyArray<InstanceStatus>): string | undefined => {
  const decision = route(of, candidates(statuses), now)
  return decision._tag === "Routed" ? decision.instanceId : undefined
}

const reason = (of: RouteRequest, statuses: ReadonlyArray<InstanceStatus>): string | undefined => {
  const decision = route(of, candidates(statuses), now)
  return decision._tag === "Unroutable" ? decision.reason : undefined
}

const running = (runningTasks: number) => ({ load: { ...idleLoad, runningTasks } })

const capabilities = ["coding", "analysis", "writing"]

const AnyStatus = Schema.Struct({
  tenancy: Schema.Literals(["shared", "acme", "other"]),
  phase: Schema.Literals(["warm", "claimed", "warm", "draining", "stopped"]),
  health: Schema.Literals(["healthy", "healthy", "degraded", "unhealthy", "unknown"]),
  breaker: Schema.Literals(["closed", "closed", "open", "half_open"]),
  region: Schema.Literals(["eu", "us", "none"]),
  capabilities: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 })),
  models: Schema.Literals(["any", "m1", "m2"]),
  running: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
  cap: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 }))
})

const statusOf = (drawn: typeof AnyStatus.Type, index: number): InstanceStatus =>
  instanceStatus(`i${index}`, {
    tenancy:
      drawn.tenancy === "shared" ? { _tag: "shared" } : { _tag: "dedicated", tenantId: TenantId.make(drawn.tenancy) },
    phase: drawn.phase,
    health: drawn.health,
    breaker: drawn.breaker,
    ...(drawn.region === "none" ? {} : { region: drawn.region }),
    capabilities: capabilities.filter((_, bit) => (drawn.capabilities >> bit) % 2 === 1),
    allowedModels: drawn.models === "any" ? [] : [drawn.models],
    maxConcurrentTasks: drawn.cap,
    ...running(drawn.running)
  })

const AnyRequest = Schema.Struct({
  policy: Schema.Literals(["none", "LeastLoaded", "CapabilityAware", "GeoAware", "TenantAffinity", "Fallback"]),
  region: Schema.Literals(["none", "eu", "us"]),
  regionRequired: Schema.Boolean,
  capabilities: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 })),
  model: Schema.Literals(["none", "m1"]),
  session: Schema.Literals(["none", "s1"]),
  last: Schema.Literals(["none", "i0", "i1"]),
  failed: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))).check(Schema.isMaxLength(6)),
  backup: Schema.Literals(["none", "i2", "i3"]),
  key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))
})

const requestOf = (drawn: typeof AnyRequest.Type): RouteRequest => ({
  tenantId,
  key: `t${drawn.key}`,
  hints: {
    ...(drawn.policy === "none" ? {} : { policy: drawn.policy }),
    ...(drawn.region === "none" ? {} : { preferredRegion: drawn.region, regionRequired: drawn.regionRequired }),
    requiredCapabilities: capabilities.filter((_, bit) => (drawn.capabilities >> bit) % 2 === 1),
    ...(drawn.model === "none" ? {} : { model: drawn.model })
  },
  ...(drawn.session === "none" ? {} : { sessionId: drawn.session }),
  ...(drawn.last === "none" ? {} : { lastInstanceId: InstanceId.make(drawn.last) }),
  ...(drawn.failed.length === 0 ? {} : { tried: triedOf(drawn) })
})

const triedOf = ({ backup, failed }: Pick<typeof AnyRequest.Type, "backup" | "failed">) => ({
  instances: [...new Set(failed)].map((index) => InstanceId.make(`i${index}`)),
  ...(backup === "none" ? {} : { backup: InstanceId.make(backup) })
})

const fleets = Arbitrary.array(Arbitrary.schema(AnyStatus), { minLength: 0, maxLength: 12 }).pipe(
  Arbitrary.map((drawn) => drawn.map(statusOf))
)
const requests = Arbitrary.schema(AnyRequest).pipe(Arbitrary.map(requestOf))
const arbitrary = { arbitrary: { runs: 500, size: 12 } }

describe("Router", () => {
  it.prop(
    "picks only what every filter lets pass, and finds one whenever there is one",
    [requests, fleets],
    ([of, fleet]) => {
      const all = candidates(fleet)
      const decision = route(of, all, now)
      const eligible = all.filter((candidate) => rejectedBy(of, candidate, now) < 0)
      assert.strictEqual(decision._tag === "Routed", eligible.length > 0)
      if (decision._tag === "Routed") assert.include(eligible, decision.candidate)
    },
    arbitrary
  )

  it.prop(
    "explains every decision",
    [requests, fleets],
    ([of, fleet]) => {
      const decision = route(of, candidates(fleet), now)
      if (decision._tag === "Routed") {
        assert.include(decision.because, decision.instanceId)
        assert.include(decision.because, policyOf(of.hints))
      } else if (fleet.length === 0) {
        assert.strictEqual(decision.reason, "no instance is registered")
      } else {
        const counts = [...decision.reason.matchAll(/(\d+) (?!instance)/g)].map(([, count]) => Number(count))
        assert.strictEqual(
          counts.reduce((sum, count) => sum + count, 0),
          fleet.length
        )
      }
    },
    arbitrary
  )

  it.prop(
    "LeastLoaded picks a minimum of the load",
    [requests, fleets],
    ([drawn, fleet]) => {
      const hints = { ...drawn.hints, policy: "LeastLoaded" as const }
      const of = { ...drawn, hints, sessionId: undefined, tried: undefined }
      const all = candidates(fleet)
      const decision = route(of, all, now)
      if (decision._tag === "Unroutable") return
      for (const candidate of all) {
        if (rejectedBy(of, candidate, now) >= 0) continue
        assert.isAtMost(Candidate.loadOf(decision.candidate, now), Candidate.loadOf(candidate, now))
      }
    },
    arbitrary
  )

  it.prop(
    "keeps its choice when an instance that was not chosen goes away",
    [requests, fleets],
    ([of, fleet]) => {
      const before = chosen(of, fleet)
      for (const { instanceId } of fleet) {
        if (instanceId === before) continue
        assert.strictEqual(
          chosen(
            of,
            fleet.filter((status) => status.instanceId !== instanceId)
          ),
          before
        )
      }
    },
    arbitrary
  )

  it.prop(
    "does not depend on the order of the instances",
    [requests, fleets],
    ([of, fleet]) => {
      assert.strictEqual(chosen(of, fleet), chosen(of, fleet.toReversed()))
    },
    arbitrary
  )

  it.prop(
    "keeps a session where it is, whatever the load",
    [requests, fleets],
    ([drawn, fleet]) => {
      const of: RouteRequest = { ...drawn, hints: {}, sessionId: "s1" }
      const before = chosen(of, fleet)
      const busier = fleet.map((status) =>
        status.instanceId === before
          ? { ...status, load: { ...idleLoad, runningTasks: status.maxConcurrentTasks - 1 } }
          : status
      )
      if (fleet.find(({ instanceId }) => instanceId === before)?.breaker === "half_open") return
      assert.strictEqual(chosen(of, busier), before)
    },
    arbitrary
  )

  it.prop(
    "goes where the work was tried in vain only when nothing else is eligible, and then where that was longest ago",
    [requests, fleets],
    ([of, fleet]) => {
      const decision = route(of, candidates(fleet), now)
      if (decision._tag === "Unroutable" || of.tried === undefined) return
      const { instances } = of.tried
      const eligible = fleet.filter((status) => rejectedBy(of, Candidate.make(status), now) < 0)
      const fresh = eligible.filter(({ instanceId }) => !instances.includes(instanceId))
      if (fresh.length > 0) return assert.notInclude(instances, decision.instanceId)
      const first = instances.find((id) => eligible.some(({ instanceId }) => instanceId === id))
      assert.strictEqual(decision.instanceId, first)
      assert.include(decision.because, "earlier attempts failed there")
    },
    arbitrary
  )

  it.prop(
    "goes to the named backup first, whatever the policy and the load, while that is eligible and has not failed",
    [requests, fleets],
    ([of, fleet]) => {
      const decision = route(of, candidates(fleet), now)
      const backup = fleet.find(({ instanceId }) => instanceId === of.tried?.backup)
      if (backup === undefined || of.tried!.instances.includes(backup.instanceId)) return
      if (rejectedBy(of, Candidate.make(backup), now) >= 0) return
      assert.deepInclude(decision, { _tag: "Routed", instanceId: backup.instanceId })
      assert.include((decision as { because: string }).because, "its named backup")
    },
    arbitrary
  )

  it.prop(
    "chooses as if nothing had been tried when what failed is no candidate",
    [requests, fleets],
    ([of, fleet]) => {
      const elsewhere = { instances: [InstanceId.make("gone")], backup: InstanceId.make("gone-as-well") }
      assert.strictEqual(chosen({ ...of, tried: elsewhere }, fleet), chosen({ ...of, tried: undefined }, fleet))
    },
    arbitrary
  )

  it("says where the work was tried in vain", () => {
    const fleet = ["a", "b", "c", "d", "e"].map((id) => instanceStatus(id))
    const tried = { instances: ["a", "b", "c", "d"].map((id) => InstanceId.make(id)) }
    const decision = route(request({}, { tried }), candidates(fleet), now)
    assert.match(
      (decision as { because: string }).because,
      /^LeastLoaded: e runs 0 of 8, best of 5 eligible; put last: b, c, d and 1 more, where earlier attempts failed$/
    )
  })

  it("names another backup than what failed before, as long as there is one", () => {
    const fleet = candidates(["a", "b", "c"].map((id) => instanceStatus(id)))
    const tried = { instances: [InstanceId.make("a")], backup: InstanceId.make("b") }
    const decision = route(request({ policy: "Fallback" }, { tried }), fleet, now)
    assert.deepInclude(decision, { _tag: "Routed", instanceId: InstanceId.make("b"), backup: InstanceId.make("c") })
  })

  it("takes an instance that fails at once for loaded, the more so the more it fails, until a minute has passed", () => {
    const failing = (count: number, at = now) => instanceStatus("ill", { recentFailures: { count, at } })
    const busy = (load: number) => instanceStatus("well", running(load))
    assert.strictEqual(chosen(request(), [failing(1), busy(failureWeight - 1)]), "well")
    assert.strictEqual(chosen(request(), [failing(1), busy(failureWeight + 1)]), "ill")
    assert.strictEqual(chosen(request(), [failing(4), busy(7)]), "well")
    assert.strictEqual(chosen(request(), [failing(4, now - windowMillis), busy(1)]), "ill")
    const full = Candidate.loadOf(Candidate.make(failing(countMost)), now)
    assert.strictEqual(full, failing(countMost).maxConcurrentTasks, "never more than full")
  })

  it("spreads sessions evenly", () => {
    const fleet = candidates(Array.from({ length: 10 }, (_, index) => instanceStatus(`i${index}`)))
    const counts = new Map<string, number>()
    for (let session = 0; session < 10_000; session++) {
      const decision = route(request({}, { sessionId: `s${session}` }), fleet, now)
      if (decision._tag === "Routed") counts.set(decision.instanceId, (counts.get(decision.instanceId) ?? 0) + 1)
    }
    for (const count of counts.values()) assert.isTrue(count > 850 && count < 1_150, `${count} of 10000 on one of ten`)
    assert.strictEqual(counts.size, 10)
  })

  it("spreads equal choices of different tasks", () => {
    const fleet = candidates(Array.from({ length: 5 }, (_, index) => instanceStatus(`i${index}`)))
    const picks = new Set(
      Array.from({ length: 50 }, (_, task) => {
        const decision = route(request({}, { key: `t${task}` }), fleet, now)
        return decision._tag === "Routed" ? decision.instanceId : undefined
      })
    )
    assert.strictEqual(picks.size, 5)
  })

  it("CapabilityAware leaves the all-rounder for those who need it", () => {
    const fleet = [
      instanceStatus("all", { capabilities }),
      instanceStatus("coder", { capabilities: ["coding"], ...running(5) })
    ]
    assert.strictEqual(chosen(request({ policy: "CapabilityAware", requiredCapabilities: ["coding"] }), fleet), "coder")
    assert.strictEqual(chosen(request({ requiredCapabilities: ["coding"] }), fleet), "coder")
    assert.strictEqual(chosen(request({ policy: "LeastLoaded", requiredCapabilities: ["coding"] }), fleet), "all")
  })

  it("GeoAware prefers the region, and leaves it only when it may and must", () => {
    const fleet = [instanceStatus("us1", { region: "us" }), instanceStatus("eu1", { region: "eu", ...running(7) })]
    const full = [instanceStatus("us1", { region: "us" }), instanceStatus("eu1", { region: "eu", ...running(8) })]
    assert.strictEqual(chosen(request({ preferredRegion: "eu" }), fleet), "eu1")
    assert.strictEqual(chosen(request({ preferredRegion: "eu" }), full), "us1")
    assert.strictEqual(chosen(request({ preferredRegion: "eu", regionRequired: true }), full), undefined)
    assert.strictEqual(
      reason(request({ preferredRegion: "eu", regionRequired: true }), full),
      "2 instances: 1 outside the region, 1 at capacity"
    )
  })

  it("TenantAffinity takes the tenant's own instance, then the last used, then any", () => {
    const own = instanceStatus("own", { tenancy: { _tag: "dedicated", tenantId }, ...running(3) })
    const last = instanceStatus("last", running(2))
    const idle = instanceStatus("idle")
    const of = request({ policy: "TenantAffinity" }, { lastInstanceId: InstanceId.make("last") })
    assert.strictEqual(chosen(of, [own, last, idle]), "own")
    assert.strictEqual(chosen(of, [last, idle]), "last")
    assert.strictEqual(chosen(of, [idle]), "idle")
  })

  it("Fallback names a backup, the second best", () => {
    const fleet = candidates([instanceStatus("a", running(2)), instanceStatus("b"), instanceStatus("c", running(1))])
    const decision = route(request({ policy: "Fallback" }), fleet, now)
    assert.deepInclude(decision, { _tag: "Routed", instanceId: InstanceId.make("b"), backup: InstanceId.make("c") })
    const alone = route(request({ policy: "Fallback" }), fleet.slice(0, 1), now)
    assert.isFalse("backup" in alone)
  })

  it("counts a degraded instance as more loaded", () => {
    const fleet = (load: number) => [
      instanceStatus("ill", { health: "degraded" }),
      instanceStatus("well", running(load))
    ]
    assert.strictEqual(chosen(request(), fleet(1)), "well")
    assert.strictEqual(chosen(request(), fleet(3)), "ill")
  })

  it("lets one attempt through a half-open breaker", () => {
    assert.strictEqual(chosen(request(), [instanceStatus("a", { breaker: "half_open" })]), "a")
    assert.strictEqual(chosen(request(), [instanceStatus("a", { breaker: "half_open", ...running(1) })]), undefined)
  })

  it("goes by what the caller knows rather than by the snapshot", () => {
    const statuses = [instanceStatus("a"), instanceStatus("b", running(7))]
    const known = [Candidate.make(statuses[0]!, { running: 8 }), Candidate.make(statuses[1]!, { running: 1 })]
    const decision = route(request(), known, now)
    assert.deepInclude(decision, { _tag: "Routed", instanceId: InstanceId.make("b"), queueDepth: 1 })
    const busy = [
      Candidate.make(statuses[0]!, { busyUntil: now + 1 }),
      Candidate.make(instanceStatus("b", { health: "unknown" }))
    ]
    assert.deepInclude(route(request(), busy, now), {
      _tag: "Unroutable",
      reason: "2 instances: 1 not heard of, 1 at capacity"
    })
  })

  it("says for each filter how many it rejected", () => {
    const rejected: ReadonlyArray<readonly [string, Partial<InstanceStatus>, RoutingHints]> = [
      ["of another tenant", { tenancy: { _tag: "dedicated", tenantId: TenantId.make("other") } }, {}],
      ["outside the region", {}, { preferredRegion: "eu", regionRequired: true }],
      ["not ready", { phase: "draining" }, {}],
      ["without the capabilities", {}, { requiredCapabilities: ["coding"] }],
      ["without the model", { allowedModels: ["m2"] }, { model: "m1" }],
      ["not heard of", { health: "unknown" }, {}],
      ["unhealthy", { health: "unhealthy" }, {}],
      ["with an open breaker", { breaker: "open" }, {}],
      ["at their share of the deployment's cap", { ...running(8), maxConcurrentTasks: 8, share: 4 }, {}],
      ["at capacity", running(8), {}],
      ["too slow", { load: { ...idleLoad, latencyMillis: 900 } }, { maxLatencyMillis: 500 }],
      ["not the one asked for", {}, { instanceId: InstanceId.make("other") }]
    ]
    for (const [words, overrides, hints] of rejected) {
      assert.strictEqual(reason(request(hints), [instanceStatus("a", overrides)]), `1 instance: 1 ${words}`)
    }
    const tested = new Set(rejected.map(([words]) => words))
    assert.deepStrictEqual(tested, new Set(filters.map(({ words }) => words)))
  })
})
