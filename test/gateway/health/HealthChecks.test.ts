import { assert, describe, it } from "@effect/vitest"
import * as Checks from "../../../src/gateway/HealthChecks.ts"
import { hostPlacement, TenantId } from "../../../src/schema/Ids.ts"
import type { RunnerStatus } from "../../../src/schema/ClusterStatus.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"

const a = hostPlacement("a")
const b = hostPlacement("b")
const runner = (more: Partial<RunnerStatus> = {}): RunnerStatus => ({
  address: "10.0.0.1:34431",
  state: "serving",
  placements: [a],
  shards: 300,
  leaseMillis: 5_000,
  ...more
})

describe("Health", () => {
  it("is not well when some instances are not, and says how many, which, and what to do", () => {
    const fleet = [
      ...Array.from({ length: 49 }, (_, n) => instanceStatus(`gone-${n}`, { health: "unknown" })),
      instanceStatus("well")
    ]
    const found = Checks.instances(fleet)
    assert.isFalse(found.ok)
    assert.match(found.detail!, /^1 of 50 are healthy; 49 unknown: gone-0, gone-1, gone-2, gone-3, gone-4, …$/)
    assert.isDefined(found.remedy)
    assert.isTrue(
      Checks.instances([instanceStatus("well"), instanceStatus("off", { phase: "stopped", health: "unknown" })]).ok
    )
  })

  it("names no instance of a tenant and no host", () => {
    const dedicated = instanceStatus("hush", {
      health: "unknown",
      placement: b,
      tenancy: { _tag: "dedicated", tenantId: TenantId.make("acme") }
    })
    const said = JSON.stringify([
      Checks.instances([dedicated]),
      Checks.placements([
        { placement: b, servedWith: [], instances: 1 },
        { placement: a, servedWith: [], instances: 0 }
      ]),
      Checks.runners([runner({ state: "gone", cause: "its lease ran out 9 s ago" })]),
      Checks.serving([{ address: "10.0.0.1:34431", placement: a, ok: false, millis: 2_000 }])
    ])
    assert.notMatch(said, /hush|acme|host-|10\.0\.0\.1/)
  })

  it("finds placements with instances and no live runner, shards without an owner, runners near their limits", () => {
    const served = { placement: a, servedWith: [a], instances: 1 }
    const lost = { placement: b, servedWith: [], instances: 2 }
    assert.match(Checks.placements([served, lost]).detail!, /^1 of 2 placements with instances have no live runner$/)
    const left = Checks.placements([served, { ...lost, instances: 0 }])
    assert.isTrue(left.ok, "a host that has left and has no instances is no fault")
    assert.match(left.detail!, /; 1 without instances have none$/)
    assert.isFalse(Checks.shards([{ placement: a, shards: 3, epoch: 1, since: 0 }], [runner()]).ok)
    assert.isTrue(Checks.shards([{ placement: b, shards: 3, epoch: 1, since: 0 }], [runner()]).ok)
    assert.isFalse(Checks.resources([runner({ descriptors: { open: 900, most: 1_000 } })]).ok)
    assert.isFalse(Checks.resources([runner({ lagMillis: 1_500 })]).ok)
    assert.isTrue(Checks.resources([runner({ descriptors: { open: 90, most: 1_000 }, lagMillis: 20 })]).ok)
  })

  it("is down when no runner answers a call, though all renew their leases", () => {
    const silent = { address: "x:1", placement: a, ok: false, millis: 2_000 }
    assert.isTrue(Checks.serving([silent, silent]).isDown)
    assert.deepInclude(Checks.serving([silent, { ...silent, ok: true }]), { ok: false, isDown: false })
  })
})
