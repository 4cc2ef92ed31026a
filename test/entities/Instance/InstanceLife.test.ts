import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { TenantId } from "../../../src/schema/Ids.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import {
  attempt,
  entityIdOf,
  instance,
  instanceEvents,
  moveAway,
  started,
  told,
  untilPhase,
  untilTold,
  withInstances
} from "./InstanceRig.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

const tags = (instanceId: string) =>
  Effect.map(instanceEvents(instanceId), (all) =>
    all.map(({ _tag }) => _tag as string).filter((tag) => tag.startsWith("instance.") && !tag.includes("internal"))
  )

const statusOf = (instanceId: string) => Effect.flatMap(instance(instanceId), (client) => client.InstanceGet())

const untilHealth = (instanceId: string, health: string) =>
  untilVirtually(
    `${instanceId} is ${health}`,
    Effect.map(statusOf(instanceId), (status) => status.health === health)
  )

describe("Instance life", () => {
  it.effect("is registered, started and ready, and runs an attempt to its end", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "hello") })
      yield* untilTold(1)
      const [report] = yield* told
      assert.strictEqual(report!.tag, "AttemptEnded")
      assert.strictEqual(report!.runKey, "t1.1")
      assert.deepInclude(report!.outcome, { _tag: "completed" })
      assert.deepStrictEqual(yield* tags("a"), ["instance.registered", "instance.starting", "instance.ready"])
      const status = yield* client.InstanceGet()
      assert.deepInclude(status, { phase: "warm", health: "healthy", occupancy: "warm", breaker: "closed" })
      assert.strictEqual(status.url !== undefined && status.bootId !== undefined, true)
    }).pipe(withInstances())
  )

  it.effect("registers the same spec again without a change, and refuses another one", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const before = (yield* instanceEvents("a")).length
      assert.strictEqual((yield* client.Register({ spec: instanceSpec("a") })).phase, "warm")
      const conflict = yield* Effect.flip(client.Register({ spec: instanceSpec("a", { maxConcurrentTasks: 3 }) }))
      assert.strictEqual(conflict._tag, "Conflict")
      assert.strictEqual((yield* instanceEvents("a")).length, before)
    }).pipe(withInstances())
  )

  it.effect("keeps its endpoint's token out of its status, its view and all but the secret part of its events", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const client = yield* instance("a")
      const endpoint = { url: "ws://simulated/a", token: Redacted.make("very-secret") }
      const status = yield* client.Register({ spec: instanceSpec("a", { endpoint }) })
      yield* untilPhase("a", "warm")
      const store = yield* MemoryStore
      const { view } = store.actors.get(`Instance/${entityIdOf("a")}`)!
      const shown = (yield* instanceEvents("a")).map(({ secret: _, ...event }) => event)
      assert.notInclude(JSON.stringify([status, view, shown]), "very-secret")
      assert.strictEqual((view!.doc as { phase: string }).phase, "warm")
    }).pipe(withInstances())
  )

  it.effect("shows a dedicated instance to its tenant", () =>
    Effect.gen(function* () {
      const tenantId = TenantId.make("acme")
      yield* started("a", { tenancy: { _tag: "dedicated", tenantId } })
      const store = yield* MemoryStore
      assert.strictEqual(store.actors.get(`Instance/${entityIdOf("a")}`)!.view!.tenantId, tenantId)
      assert.isTrue((yield* instanceEvents("a")).every((event) => event.tenantId === tenantId))
    }).pipe(withInstances())
  )

  it.effect("stores its load when that changes, and at least every 30 seconds", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] hello") })
      const store = yield* MemoryStore
      const shown = () => store.actors.get(`Instance/${entityIdOf("a")}`)!.view!.doc as any
      yield* untilVirtually(
        "the view shows the run",
        Effect.sync(() => shown().load.runningTasks === 1)
      )
      const before = shown().lastHeartbeatAt
      yield* TestClock.adjust("14 seconds")
      assert.strictEqual(shown().lastHeartbeatAt, before)
      yield* TestClock.adjust("20 seconds")
      assert.isAbove(shown().lastHeartbeatAt, before)
      assert.isNumber(shown().load.memoryBytes)
    }).pipe(withInstances())
  )

  it.effect("is unhealthy after a crash, and ready again after a restart", () =>
    Effect.gen(function* () {
      yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.crash("a")
      yield* untilHealth("a", "unhealthy")
      const { reason } = yield* statusOf("a")
      assert.include(reason, "NotRunning")
      yield* untilPhase("a", "warm")
      assert.deepInclude(yield* statusOf("a"), { health: "healthy", restarts: 1 })
      assert.deepStrictEqual(
        (yield* tags("a")).filter((tag) => tag !== "instance.degraded"),
        [
          "instance.registered",
          "instance.starting",
          "instance.ready",
          "instance.unhealthy",
          "instance.starting",
          "instance.ready"
        ]
      )
    }).pipe(withInstances())
  )

  it.effect("gives up after five restarts that did not help, says why, and starts when asked to", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const client = yield* instance("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "startFailure", reason: "PortInUse", starts: 6 })
      yield* client.Register({ spec: instanceSpec("a") })
      yield* untilPhase("a", "failed")
      const failed = yield* statusOf("a")
      assert.include(failed.reason, "PortInUse")
      assert.include(failed.reason, "restarted 5 times")
      assert.strictEqual(failed.health, "unhealthy")
      yield* client.Start()
      yield* untilPhase("a", "warm")
    }).pipe(withInstances())
  )

  it.effect("does not start again what its configuration forbids", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const client = yield* instance("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "startFailure", reason: "ConfigurationRefused", starts: 2 })
      yield* client.Register({ spec: instanceSpec("a") })
      yield* untilPhase("a", "failed")
      assert.include((yield* statusOf("a")).reason, "ConfigurationRefused")
      assert.strictEqual((yield* fleet.snapshot("a")).faultsSeen.get("startFailure"), 1)
    }).pipe(withInstances())
  )

  it.effect("turns degraded, then unhealthy while its gateway answers nobody, and healthy after it", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "unreachable" })
      yield* untilHealth("a", "degraded")
      yield* untilHealth("a", "unhealthy")
      yield* client.Execute({ attempt: attempt("t1", "hello") })
      yield* untilTold(1)
      assert.strictEqual((yield* told)[0]!.tag, "AttemptRefused")
      assert.include((yield* told)[0]!.reason, "unhealthy")
      yield* fleet.heal("a")
      yield* untilHealth("a", "healthy")
      assert.strictEqual((yield* fleet.snapshot("a")).boots, 1)
    }).pipe(withInstances())
  )

  it.effect("restarts a gateway that hangs", () =>
    Effect.gen(function* () {
      yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "unreachable" })
      yield* untilVirtually(
        "it is started afresh",
        Effect.map(fleet.snapshot("a"), ({ boots }) => boots === 2),
        { millis: 500 }
      )
      yield* fleet.heal("a")
      yield* untilPhase("a", "warm")
    }).pipe(withInstances())
  )

  it.effect("probes, restarts and gives up a gateway as patiently as its own supervision says", () =>
    Effect.gen(function* () {
      const supervision = { probeEveryMillis: 500, unhealthyAfterProbes: 1, restartAfterProbes: 2, restartsMost: 1 }
      const hasty = yield* started("hasty", { supervision: { ...supervision, restart: { firstMillis: 30_000 } } })
      yield* started("usual")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("hasty", { _tag: "unreachable" })
      yield* fleet.order("usual", { _tag: "unreachable" })
      yield* TestClock.adjust(12_000)
      const { phase, reason } = yield* statusOf("hasty")
      assert.strictEqual(phase, "provisioning")
      assert.include(reason, "health probe")
      assert.include(["warm", "claimed"], (yield* statusOf("usual")).phase)
      yield* TestClock.adjust(12_000)
      assert.strictEqual((yield* fleet.snapshot("hasty")).boots, 1, "the first restart waits for 30 s")
      yield* untilPhase("hasty", "failed")
      assert.include((yield* statusOf("hasty")).reason, "restarted 1 times")
      assert.strictEqual((yield* hasty.InstanceGet()).supervision?.restartsMost, 1)
    }).pipe(withInstances())
  )

  it.effect("takes no work while it drains, lets what runs end, and is stopped then", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "[[delay 5000]] hello") })
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* client.Drain({ deadlineMillis: 60_000 })).phase, "draining")
      yield* client.Execute({ attempt: attempt("t2", "hello") })
      yield* untilTold(2)
      const reports = yield* told
      assert.deepStrictEqual(
        reports.map(({ runKey, tag }) => [runKey, tag]),
        [
          ["t2.1", "AttemptRefused"],
          ["t1.1", "AttemptEnded"]
        ]
      )
      assert.strictEqual(reports[1]!.outcome!._tag, "completed")
      yield* untilPhase("a", "stopped")
      const fleet = yield* SimulatedFleet
      assert.isFalse((yield* fleet.snapshot("a")).running)
      yield* client.Start()
      yield* untilPhase("a", "warm")
    }).pipe(withInstances())
  )

  it.effect("aborts at the drain's deadline what still runs, so that it can be tried elsewhere", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] hello") })
      yield* TestClock.adjust(100)
      yield* client.Drain({ deadlineMillis: 3_000 })
      yield* untilPhase("a", "stopped")
      const [report] = yield* told
      assert.deepInclude((report!.outcome as any).error, { code: "InstanceStopped", retryable: true })
    }).pipe(withInstances())
  )

  it.effect("is deregistered only when nothing runs, or by force, and can be registered anew", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] hello") })
      const conflict = yield* Effect.flip(client.Deregister({ force: false }))
      assert.strictEqual(conflict._tag, "Conflict")
      yield* client.Deregister({ force: true })
      yield* untilVirtually(
        "it is gone",
        Effect.map(tags("a"), (all) => all.includes("instance.deregistered"))
      )
      assert.strictEqual((yield* Effect.flip(client.InstanceGet()))._tag, "NotFound")
      yield* untilTold(1)
      yield* client.Register({ spec: instanceSpec("a", { maxConcurrentTasks: 2 }) })
      yield* untilPhase("a", "warm")
    }).pipe(withInstances())
  )

  it.effect("is adopted, not started again, by the next owner of its shard", () =>
    Effect.gen(function* () {
      yield* started("a")
      const before = yield* statusOf("a")
      yield* moveAway("a")
      const fleet = yield* SimulatedFleet
      yield* untilVirtually(
        "the new owner has it",
        Effect.map(fleet.snapshot("a"), ({ epoch }) => epoch === 2)
      )
      assert.strictEqual((yield* fleet.snapshot("a")).boots, 1)
      const after = yield* statusOf("a")
      assert.deepStrictEqual([after.bootId, after.health, after.restarts], [before.bootId, "healthy", 0])
    }).pipe(withInstances())
  )
})
