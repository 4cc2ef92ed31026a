import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { Resources } from "../../src/actor/Resources.ts"
import { ActorTest } from "../../src/testing/ActorTest.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { definition, layer as plannerLayer, Planner } from "../fixtures/Planner.ts"
import { inVirtualTime } from "../fixtures/VirtualTime.ts"

const withPlanner = Effect.provide(MemoryCluster.withActors(plannerLayer))

const usesOf = (entityId: string) =>
  Effect.map(MemoryStore, ({ tables }) => tables.get("resource_uses")?.get(`TestPlanner/${entityId}`)?.["resource_key"])

const planner = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  return (yield* ActorClient.make(Planner))("a")
})

describe("a resource", () => {
  it.effect("is what decisions get from the commit on that names it, and its use is written with that commit", () =>
    Effect.gen(function* () {
      const a = yield* planner
      const plan = yield* (yield* Resources).put({ steps: ["one", "two"] })
      assert.strictEqual(yield* inVirtualTime(a.Step()), null)
      const all = Effect.all([a.Begin({ plan }), a.Step(), a.Step(), a.Step()], { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* inVirtualTime(all), [undefined, "one", "two", null])
      assert.strictEqual(yield* usesOf("a"), plan)
    }).pipe(withPlanner)
  )

  it.effect("is what the messages behind the one that names it are decided with, of one delivery", () =>
    Effect.gen(function* () {
      const a = yield* planner
      const plan = yield* (yield* Resources).put({ steps: ["one", "two"] })
      const message = (seq: number, tag: string, payload: unknown) =>
        ({ id: `TestPlanner/b/${seq}/0`, tag, payload }) as { id: string; tag: string; payload: never }
      const messages = [message(1, "Begin", { plan }), message(2, "Step", null), message(3, "Step", null)]
      const shell = (yield* Planner.client)("a")
      const first = yield* inVirtualTime(Effect.flip(shell.Deliver({ messages, again: false })))
      assert.strictEqual(first._tag, "ActorUnavailable")
      yield* inVirtualTime(shell.Deliver({ messages, again: true }))
      assert.strictEqual(yield* inVirtualTime(a.Step()), null)
      const { entries } = (yield* MemoryStore).actors.get("TestPlanner/a")!
      assert.deepStrictEqual(
        entries.map(({ command, events }) => [command, (events[0] as { readonly step?: string }).step]),
        [
          ["Begin", undefined],
          ["Step", "one"],
          ["Step", "two"]
        ]
      )
    }).pipe(withPlanner)
  )

  it.effect("may be exchanged for another, and be given up", () =>
    Effect.gen(function* () {
      const a = yield* planner
      const resources = yield* Resources
      const [first, second] = [yield* resources.put({ steps: ["one"] }), yield* resources.put({ steps: ["two"] })]
      yield* inVirtualTime(a.Begin({ plan: first }))
      yield* inVirtualTime(a.Begin({ plan: second }))
      assert.strictEqual(yield* inVirtualTime(a.Step()), "two")
      yield* inVirtualTime(a.Begin({ plan: null }))
      assert.strictEqual(yield* inVirtualTime(a.Step()), null)
      assert.strictEqual(yield* usesOf("a"), null)
    }).pipe(withPlanner)
  )

  it.effect("that is not stored has the command refused that names it, and the actor goes on as it was", () =>
    Effect.gen(function* () {
      const a = yield* planner
      const plan = yield* (yield* Resources).put({ steps: ["one", "two"] })
      yield* inVirtualTime(a.Begin({ plan }))
      const both = Effect.all([Effect.flip(a.Begin({ plan: "none" })), a.Step()], { concurrency: "unbounded" })
      const [refused, step] = yield* inVirtualTime(both)
      assert.strictEqual(refused._tag, "InvalidInput")
      assert.include((refused as { readonly message: string }).message, "no resource is stored as none")
      assert.strictEqual(step, "one")
      assert.strictEqual(yield* usesOf("a"), plan)
    }).pipe(withPlanner)
  )

  it.effect("is loaded with its actor", () =>
    Effect.gen(function* () {
      const a = yield* planner
      const plan = yield* (yield* Resources).put({ steps: ["one", "two"] })
      yield* inVirtualTime(a.Begin({ plan }))
      yield* inVirtualTime(a.Step())
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* inVirtualTime(a.Step()), "two")
    }).pipe(withPlanner)
  )

  it("is given to the decisions of an actor under test", () => {
    const actor = new ActorTest(definition, "a")
    actor.command("Begin", { plan: "plan" })
    actor.resource = { steps: ["one"] }
    assert.deepStrictEqual(actor.command("Step", undefined), { _tag: "Success", value: "one" })
  })
})
