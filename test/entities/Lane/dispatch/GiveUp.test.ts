import { assert, describe, it } from "@effect/vitest"
import { HashMap } from "effect"
import { plan, reroutesMost, stranded } from "../../../../src/entities/Lane/dispatch/GiveUp.ts"
import type { InstanceStatus } from "../../../../src/schema/Instance.ts"
import { InstanceId, TaskId } from "../../../../src/schema/Ids.ts"
import { instanceStatus } from "../../../fixtures/Fleet.ts"
import { LaneWorld, taskSpec } from "../LaneWorld.ts"

const reasonOf = (id: string) => (id === "a" ? "its machine is gone" : undefined)
const unknown = instanceStatus("a", { health: "unknown" })

/** A lane with one task that runs on `a`. */
const running = (overrides: Parameters<typeof taskSpec>[1] = {}) => {
  const world = new LaneWorld([instanceStatus("a")])
  world.submit(taskSpec("t1", overrides))
  world.settle()
  assert.strictEqual(HashMap.size(world.state.running), 1)
  return world
}

const planOf = (world: LaneWorld, fleet: ReadonlyArray<InstanceStatus>) =>
  plan(world.state, stranded(world.state, { reasonOf, waitMillisOf: () => 18_000 }, world.now), fleet, world.now)

const lose = (world: LaneWorld, fleet: ReadonlyArray<InstanceStatus>) => world.tell(planOf(world, fleet))

describe("An attempt on a lost instance", () => {
  it("is given up when another instance may take it, and waits again under the next attempt number, with its budget whole", () => {
    const world = running()
    lose(world, [unknown, instanceStatus("b")])
    const [entry] = world.state.pending.entries
    assert.deepInclude(entry, { attempt: 1, maxAttempts: 4, reroutes: 1 })
    assert.deepInclude(world.rows.get("t1"), { phase: "pending", attempt: 1, max_attempts: 4, instance_id: null })
    assert.deepStrictEqual(world.aborts, ["t1.1"])
    world.fleet = [unknown, instanceStatus("b")]
    world.settle()
    assert.deepInclude([...HashMap.values(world.state.running)][0], { attempt: 2, instanceId: InstanceId.make("b") })
  })

  it("is kept while no other instance may take it, and given up when its time is over, so that it is no dead letter", () => {
    const world = running({
      timeoutMillis: 60_000,
      retry: { maxAttempts: 1, backoffMillis: 100, maxBackoffMillis: 1_000 }
    })
    const alone = [
      unknown,
      instanceStatus("b", { capabilities: [], tenancy: { _tag: "dedicated", tenantId: "other" as never } })
    ]
    assert.deepStrictEqual(planOf(world, alone).attempts, [])
    world.now += 66_000
    lose(world, alone)
    assert.strictEqual(world.rows.get("t1")!.phase, "pending")
  })

  it("fails for good when its remote instance is not to have its work tried again", () => {
    const world = running()
    const remote = instanceStatus("a", { driver: "remote", health: "unknown", supervision: { whenAway: "fail" } })
    lose(world, [remote, instanceStatus("b")])
    assert.deepInclude(world.rows.get("t1"), { phase: "failed" })
    assert.deepStrictEqual(world.aborts, ["t1.1"])
    const retried = running()
    lose(retried, [{ ...remote, supervision: { whenAway: "retry" } }, instanceStatus("b")])
    assert.deepInclude(retried.rows.get("t1"), { phase: "pending" })
  })

  it("may go to one that is full or rests now", () => {
    const full = instanceStatus("b", { breaker: "open", load: { runningTasks: 8, activeSessions: 0, queuedTasks: 0 } })
    assert.strictEqual(planOf(running(), [unknown, full]).attempts.length, 1)
  })

  it("has nothing more to say once it is given up", () => {
    const world = running()
    lose(world, [unknown, instanceStatus("b")])
    world.fleet = []
    world.end("t1.1", { _tag: "completed", result: { text: "late", durationMillis: 1 } })
    assert.strictEqual(world.rows.get("t1")!.phase, "pending")
  })

  it("counts against the budget once the task has lost many machines", () => {
    const world = running({ retry: { maxAttempts: 1, backoffMillis: 100, maxBackoffMillis: 1_000 } })
    for (let lost = 0; lost <= reroutesMost; lost++) {
      world.fleet = [instanceStatus("a")]
      if (lost > 0) world.settle()
      lose(world, [unknown, instanceStatus("b")])
    }
    assert.strictEqual(world.rows.get("t1")!.phase, "dead_lettered")
    assert.strictEqual(world.rows.get("t1")!.error!.code, "AttemptLost")
  })

  it("is not given up by a word that came too late", () => {
    const world = running()
    const late = planOf(world, [unknown, instanceStatus("b")])
    lose(world, [unknown, instanceStatus("b")])
    world.fleet = [instanceStatus("b")]
    world.settle()
    world.tell(late)
    assert.strictEqual(world.rows.get(TaskId.make("t1"))!.phase, "running")
  })
})
