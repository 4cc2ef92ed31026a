import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { SessionUse, type Use } from "../../../../src/ports/SessionUse.ts"
import { SimulatedFleet } from "../../../../src/instances/simulated/SimulatedFleet.ts"
import { gatewaySessionKey, parseGatewaySessionKey, TaskId, TenantId } from "../../../../src/schema/Ids.ts"
import { attempt, instances, started, tenantId, untilTold } from "../InstanceRig.ts"
import * as MemoryCluster from "../../../fixtures/memory/MemoryCluster.ts"
import { untilVirtually } from "../../../fixtures/VirtualTime.ts"

const uses = new Map<string, Use>()
const use = Layer.succeed(SessionUse, {
  keptMillis: 3_600_000,
  of: (owners) => Effect.succeed(owners.map(({ id }) => uses.get(id) ?? "unknown"))
})
const withUses = Effect.provide(Layer.provideMerge(Layer.provideMerge(instances(), use), MemoryCluster.layer))

const sessions = Effect.map(SimulatedFleet, (fleet) => [...fleet.gateway("a").sessions.keys()].toSorted())
const keyOf = (task: string) => gatewaySessionKey(tenantId, TaskId.make(task))
const run = (task: string, message = "hello") => attempt(task, message, { sessionKey: keyOf(task) })

describe("Sessions that runs leave at a gateway", () => {
  it.effect("are deleted when their task has ended, and never while it is wanted or a run is in them", () =>
    Effect.gen(function* () {
      uses.clear()
      uses.set("done", "ended").set("retried", "wanted").set("busy", "ended")
      const client = yield* started("a")
      for (const task of ["done", "retried", "other"]) yield* client.Execute({ attempt: run(task) })
      yield* client.Execute({ attempt: { ...run("busy"), runKey: "busy.1" } })
      yield* untilTold(4)
      yield* client.Execute({ attempt: { ...run("busy", "[[hang]] on"), runKey: "busy.2", timeoutMillis: 3_600_000 } })
      yield* untilVirtually(
        "the ended one is gone",
        Effect.map(sessions, (all) => !all.includes(keyOf("done")))
      )
      assert.deepStrictEqual(yield* sessions, [keyOf("busy"), keyOf("other"), keyOf("retried")].toSorted())
    }).pipe(withUses)
  )

  it.effect("are found by the sweep when they were not noted, or are wanted no more", () =>
    Effect.gen(function* () {
      uses.clear()
      uses.set("late", "wanted")
      const client = yield* started("a")
      yield* client.Execute({ attempt: run("late") })
      yield* untilTold(1)
      const fleet = yield* SimulatedFleet
      const foreign = ["agent:main:main", "agent:main:somebody", "agent:other:acme-x"]
      for (const key of foreign) fleet.gateway("a").session(key)
      yield* TestClock.adjust("1 minute")
      uses.set("late", "ended")
      yield* untilVirtually(
        "the sweep has found it",
        Effect.map(sessions, (all) => !all.includes(keyOf("late"))),
        { millis: 5_000 }
      )
      assert.includeMembers(yield* sessions, ["agent:main:main", "agent:main:somebody"])
    }).pipe(withUses)
  )

  it.effect("are deleted when nobody knows them any more, once they were idle for as long as history is kept", () =>
    Effect.gen(function* () {
      uses.clear()
      yield* started("a")
      const fleet = yield* SimulatedFleet
      fleet.gateway("a").session(keyOf("forgotten"))
      yield* TestClock.adjust("55 minutes")
      assert.include(yield* sessions, keyOf("forgotten"))
      yield* untilVirtually(
        "the sweep has found it",
        Effect.map(sessions, (all) => !all.includes(keyOf("forgotten"))),
        { millis: 30_000 }
      )
    }).pipe(withUses)
  )

  it.effect("are all found by one sweep, though the list grows shorter while it is gone through", () =>
    Effect.gen(function* () {
      uses.clear()
      yield* started("a")
      const fleet = yield* SimulatedFleet
      const tasks = Array.from({ length: 250 }, (_, n) => `left${n}`)
      for (const task of tasks) {
        uses.set(task, "ended")
        fleet.gateway("a").session(keyOf(task))
      }
      yield* untilVirtually(
        "the sweep has begun",
        Effect.map(sessions, ({ length }) => length < tasks.length),
        { millis: 5_000 }
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* sessions, [])
    }).pipe(withUses)
  )

  it.prop(
    "are recognised by their key, which belongs to one task of one tenant",
    {
      tenant: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,9}$/)),
      task: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,9}$/))
    },
    ({ task, tenant }) => {
      const key = gatewaySessionKey(TenantId.make(tenant), TaskId.make(task))
      assert.deepStrictEqual(parseGatewaySessionKey(key), { tenantId: tenant, id: task })
    }
  )
})
