import { assert, describe, it } from "@effect/vitest"
import { findPlace } from "../../../src/entities/Session/Placement.ts"
import { initial, type SessionState } from "../../../src/entities/Session/SessionState.ts"
import { InstanceId, Placement } from "../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import { sessionEntity } from "./SessionBench.ts"

const now = 1_000_000

const status = (instanceId: string, more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  instanceId: InstanceId.make(instanceId),
  driver: "simulated",
  placement: Placement.make("default"),
  tenancy: { _tag: "shared" },
  capabilities: [],
  allowedModels: [],
  maxConcurrentTasks: 4,
  maxConcurrentSessions: 4,
  phase: "warm",
  health: "healthy",
  occupancy: "warm",
  breaker: "closed",
  load: { runningTasks: 0, activeSessions: 0, queuedTasks: 0 },
  restarts: 0,
  registeredAt: 0,
  lastHeartbeatAt: now - 1_000,
  ...more
})

const at = (instanceId: string | undefined): SessionState => ({
  ...initial(sessionEntity("s")),
  created: { hints: {}, at: 0 },
  ...(instanceId === undefined
    ? {}
    : {
        assignment: {
          instanceId: InstanceId.make(instanceId),
          placement: Placement.make("default"),
          settled: true,
          answers: true
        }
      })
})

const placeOf = (state: SessionState, fleet: ReadonlyArray<InstanceStatus>) => {
  const found = findPlace(state, fleet, now)
  return found._tag === "Found" ? found.instanceId : found.reason
}

describe("Session placement", () => {
  it("stays with the instance that has its history, however loaded the others are not", () => {
    const busy = status("a", { load: { runningTasks: 4, activeSessions: 4, queuedTasks: 9 } })
    assert.strictEqual(placeOf(at("a"), [busy, status("b")]), "a")
  })

  it("waits for it while it may come back, and says so", () => {
    for (const more of [{ phase: "stopped" }, { phase: "provisioning" }, { health: "unhealthy" }] as const) {
      assert.match(placeOf(at("a"), [status("a", more), status("b")]), /^waits for a, which has its history/)
    }
    const unknown = status("a", { health: "unknown", reason: "it was not heard" })
    assert.match(placeOf(at("a"), [unknown, status("b")]), /^waits for a, which has its history \(it was not heard\)/)
  })

  it("moves when it is failed, deregistered or unknown", () => {
    assert.strictEqual(placeOf(at("a"), [status("a", { phase: "failed" }), status("b")]), "b")
    assert.strictEqual(placeOf(at("a"), [status("a", { phase: "destroyed" }), status("b")]), "b")
    assert.strictEqual(placeOf(at("a"), [status("b")]), "b")
    assert.strictEqual(placeOf(at("a"), []), "no instance is registered")
  })

  it("does not begin on an instance that is unknown", () => {
    assert.strictEqual(placeOf(at(undefined), [status("a", { health: "unknown" }), status("b")]), "b")
    assert.match(placeOf(at(undefined), [status("a", { health: "unknown" })]), /1 not heard of/)
  })
})
