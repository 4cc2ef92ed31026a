import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { InstanceStatus } from "../../../src/schema/Instance.ts"
import { answeredAsSeen, asSeen, silentAfterMillis } from "../../../src/schema/instance/Liveness.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"

const now = 10_000_000
const served = { isServed: true }

describe("An instance as it is seen", () => {
  it("is as its actor said while its runner is heard", () => {
    const status = asSeen(instanceStatus("a"), { ...served, silentMillis: silentAfterMillis }, now)
    assert.deepInclude(status, { health: "healthy", lastHeartbeatAt: now - silentAfterMillis })
  })

  it("is unknown, with the reason, when it was not heard for three heartbeats", () => {
    const status = asSeen(instanceStatus("a"), { ...served, silentMillis: silentAfterMillis + 1 }, now)
    assert.strictEqual(status.health, "unknown")
    assert.match(status.reason!, /not heard for three heartbeats/)
  })

  it("is unknown at once when no live runner serves its placement, whatever its phase but stopped", () => {
    for (const phase of ["provisioning", "warming", "warm", "draining", "failed"] as const) {
      const status = asSeen(instanceStatus("a", { phase }), { isServed: false, silentMillis: 0 }, now)
      assert.strictEqual(status.health, "unknown", phase)
      assert.match(status.reason!, /no live runner serves default/)
    }
    const stopped = instanceStatus("a", { phase: "stopped", health: "unknown", reason: "stopped as asked" })
    assert.strictEqual(asSeen(stopped, { isServed: false }, now).reason, "stopped as asked")
  })

  it("goes by the stored time where no heartbeat is recorded, as with a runner of an older version", () => {
    const at = (lastHeartbeatAt: number) => asSeen(instanceStatus("a", { lastHeartbeatAt }), served, now).health
    assert.strictEqual(at(now - 31_000), "healthy")
    assert.strictEqual(at(now - 61_000), "unknown")
  })

  it("goes by the stored time where it is later than the heartbeats, which a runner of a newer version recorded before", () => {
    const at = (lastHeartbeatAt: number) =>
      asSeen(instanceStatus("a", { lastHeartbeatAt }), { ...served, silentMillis: 100_000 }, now).health
    assert.strictEqual(at(now - 31_000), "healthy")
    assert.strictEqual(at(now - 61_000), "unknown")
    assert.strictEqual(at(now - 99_000), "unknown", "the heartbeats stopped with what is stored")
  })

  it("is unknown also where its actor still answers, until it says that it is not linked any more", () => {
    const seen = asSeen(instanceStatus("a"), { ...served, silentMillis: silentAfterMillis + 1 }, now)
    const load = { runningTasks: 3, activeSessions: 0, queuedTasks: 0 }
    const answer = instanceStatus("a", { load })
    assert.deepInclude(answeredAsSeen(answer, seen), { health: "unknown", reason: seen.reason!, load })
    const stopped = instanceStatus("a", { phase: "stopped", health: "unknown", reason: "stopped as asked" })
    assert.strictEqual(answeredAsSeen(stopped, seen), stopped)
    const heard = asSeen(instanceStatus("a"), { ...served, silentMillis: 0 }, now)
    assert.strictEqual(answeredAsSeen(answer, heard), answer)
    const starting = instanceStatus("a", { phase: "provisioning", health: "unknown", reason: "the link is down" })
    assert.strictEqual(answeredAsSeen(answer, starting), answer, "it has started since")
  })

  it.prop(
    "never becomes healthier, and never more than health, reason and the time of the last heartbeat change",
    { status: InstanceStatus, silentMillis: Schema.Int, isServed: Schema.Boolean },
    ({ isServed, silentMillis, status }) => {
      const seen = asSeen(status, { isServed, silentMillis }, now)
      assert.include([status.health, "unknown"], seen.health)
      const { health: _, lastHeartbeatAt: _at, reason: _why, ...rest } = seen
      const { health: __, lastHeartbeatAt: __at, reason: __why, ...before } = status
      assert.deepStrictEqual(rest, before)
    }
  )
})
