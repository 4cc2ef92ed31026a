/** What a declaration does about instances whose host has not joined yet. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as DeclaredInstances from "../../../src/gateway/service/instances/DeclaredInstances.ts"
import { Instances } from "../../../src/gateway/service/instances/Instances.ts"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import { InvalidInput, NotFound } from "../../../src/schema/Errors.ts"
import { Cursor } from "../../../src/schema/feed/Feed.ts"
import { hostPlacement, InstanceId, type Placement } from "../../../src/schema/Ids.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"

const [here, late] = [hostPlacement("here"), hostPlacement("late")]
const one = (instanceId: string, placement: Placement) => ({
  instanceId: InstanceId.make(instanceId),
  driver: "simulated" as const,
  placement
})
const declaration = { instances: [one("waits", late), one("goes", here)] }

/** A cluster of one host, and of another once it joins. */
const cluster = () => {
  const state = { hosts: [here], registered: [] as Array<string>, tries: 0 }
  const layer = Layer.merge(
    Layer.mock(Instances, {
      update: (_, { instanceId }) => new NotFound({ kind: "instance", id: instanceId, message: "unknown" }),
      register: (_, { instanceId, placement }) =>
        Effect.suspend(() => {
          state.tries++
          if (!state.hosts.includes(placement!)) {
            const faults = [{ path: "placement", expected: "one that a runner serves: host-here" }]
            return Effect.fail(new InvalidInput({ message: "the instance cannot be registered so", faults }))
          }
          state.registered.push(instanceId!)
          return Effect.succeed(instanceStatus(instanceId!))
        })
    }),
    Layer.mock(InstanceReads, { list: () => Effect.succeed({ items: [], position: Cursor.make("0-0") }) })
  )
  return { state, layer }
}

describe("a declared instance whose host has not joined yet", () => {
  it.effect("holds up no other, waits at a bounded rate, and is registered when the host joins", () => {
    const { layer, state } = cluster()
    return Effect.gen(function* () {
      const kept = yield* Effect.forkChild(DeclaredInstances.keep(declaration))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(state.registered, ["goes"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(state.registered, ["goes"])
      assert.isAtMost(state.tries, 365)
      state.hosts.push(late)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(state.registered, ["goes", "waits"])
      yield* Fiber.join(kept)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is told at once where the declaration is applied once", () => {
    const { layer } = cluster()
    return Effect.gen(function* () {
      const outcomes = yield* DeclaredInstances.apply(declaration)
      assert.match(DeclaredInstances.summary(outcomes), /^1 waiting, 1 registered; waits: .*placement: expected one/)
    }).pipe(Effect.provide(layer))
  })
})
