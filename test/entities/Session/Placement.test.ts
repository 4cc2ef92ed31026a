import { assert, describe, it } from "@effect/vitest"
import { findPlace, type ReasonOf } from "../../../src/entities/Session/Placement.ts"
import { historyWait } from "../../../src/entities/Session/SessionPolicy.ts"
import { initial, type SessionState } from "../../../src/entities/Session/SessionState.ts"
import { InstanceId, Placement } from "../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import { sessionEntity } from "./SessionRig.ts"

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

/** With a turn that has waited for so long. */
const waiting = (state: SessionState, millis: number): SessionState => ({
  ...state,
  head: {
    turn: { turnId: "t", message: "hello", timeoutMillis: 60_000, acceptedAt: 0 },
    step: "placing",
    attempt: 1,
    tries: 0,
    waitsSince: now - millis,
    deadlineAt: now + 60_000
  }
})

const placeOf = (state: SessionState, fleet: ReadonlyArray<InstanceStatus>, reasonOf?: ReasonOf) => {
  const found = findPlace(state, fleet, now, reasonOf)
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
    assert.match(placeOf(at("a"), []), /waits for another instance, since a is not registered any more/)
  })

  it("moves when it is lost, and says where the history stays", () => {
    const fleet = [status("a", { health: "unknown" }), status("b")]
    const found = findPlace(at("a"), fleet, now, (id) => (id === "a" ? "its machine is gone" : undefined))
    assert.deepInclude(found, { _tag: "Found", instanceId: InstanceId.make("b") })
    assert.match(
      (found as { because: string }).because,
      /a is lost: its machine is gone, and its gateway keeps the history/
    )
  })

  it("moves when it is stopped or drains, once the turn has waited for it for a while", () => {
    for (const phase of ["stopped", "draining"] as const) {
      const fleet = [status("a", { phase }), status("b")]
      assert.match(placeOf(waiting(at("a"), historyWait - 1), fleet), /^waits for a/)
      assert.strictEqual(placeOf(waiting(at("a"), historyWait), fleet), "b")
    }
  })

  it("moves when it was asked to, to the instance named or to any other, and waits when there is none", () => {
    const fleet = [status("a"), status("b"), status("c", { breaker: "half_open" })]
    assert.include(["b", "c"], placeOf({ ...at("a"), move: {} }, fleet))
    assert.strictEqual(placeOf({ ...at("a"), move: { to: InstanceId.make("c") } }, fleet), "c")
    assert.match(
      placeOf({ ...at("a"), move: {} }, [status("a")]),
      /^waits for another instance, since it was asked to leave a/
    )
  })

  it("stays with the one instance that a session was created for", () => {
    const pinned = { ...at("a"), created: { hints: { instanceId: InstanceId.make("a") }, at: 0 } }
    const fleet = [status("a", { phase: "stopped" }), status("b")]
    assert.match(placeOf(waiting(pinned, historyWait), fleet), /1 not the one asked for/)
  })

  it("begins elsewhere than where its first turn failed, and there again when nothing else is eligible", () => {
    const failed = (...ids: ReadonlyArray<string>): SessionState => {
      const state = waiting(at("a"), 0)
      const tried = { instances: ids.map((id) => InstanceId.make(id)) }
      return { ...state, assignment: { ...state.assignment!, settled: false }, head: { ...state.head!, tried } }
    }
    assert.strictEqual(placeOf(failed("a"), [status("a"), status("b")]), "b")
    assert.strictEqual(placeOf(failed("a", "b"), [status("a"), status("b")]), "a")
    assert.strictEqual(placeOf(failed("a"), [status("a")]), "a")
  })

  it("stays with its history where a turn has failed", () => {
    const state = waiting(at("a"), 0)
    const tried = { instances: [InstanceId.make("a")] }
    assert.strictEqual(placeOf({ ...state, head: { ...state.head!, tried } }, [status("a"), status("b")]), "a")
  })

  it("leaves for the backup that was named with its instance, while that is eligible", () => {
    const state = at("a")
    const others = ["b", "c", "d"]
    for (const backup of others) {
      const named = { ...state, assignment: { ...state.assignment!, backup: InstanceId.make(backup) } }
      const fleet = others.map((id) => status(id))
      assert.strictEqual(placeOf(named, fleet), backup)
      const load = { runningTasks: 4, activeSessions: 0, queuedTasks: 0 }
      const full = fleet.map((known) => (known.instanceId === backup ? { ...known, load } : known))
      assert.notStrictEqual(placeOf(named, full), backup)
    }
  })

  it("does not begin on an instance that is unknown", () => {
    assert.strictEqual(placeOf(at(undefined), [status("a", { health: "unknown" }), status("b")]), "b")
    assert.match(placeOf(at(undefined), [status("a", { health: "unknown" })]), /1 not heard of/)
  })
})
