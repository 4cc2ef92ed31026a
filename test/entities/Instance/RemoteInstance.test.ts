import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import { attempt, instance, instanceEvents, told, until, untilPhase, untilTold, withInstances } from "./Bench.ts"

/** A gateway that runs already, as somebody else's would. */
const running = (instanceId: string) =>
  Effect.flatMap(SimulatedDriver.make, (driver) => driver.start(instanceSpec(instanceId), 1))

const register = (instanceId: string, token = "simulated") =>
  Effect.gen(function* () {
    yield* TestClock.adjust(1)
    const client = yield* instance(instanceId)
    const endpoint = { url: `ws://simulated/${instanceId}`, token }
    yield* client.Register({ spec: instanceSpec(instanceId, { driver: "remote", endpoint }) })
    return client
  })

const untilReason = (instanceId: string, words: RegExp) =>
  Effect.flatMap(instance(instanceId), (client) =>
    until(
      `the reason matches ${words}`,
      Effect.map(client.InstanceGet(), ({ reason }) => words.test(reason ?? ""))
    )
  )

const starts = (instanceId: string) =>
  Effect.map(instanceEvents(instanceId), (all) => all.filter(({ _tag }) => _tag === "instance.starting").length)

describe("A remote instance", () => {
  it.effect("is linked to and runs attempts", () =>
    Effect.gen(function* () {
      yield* running("r")
      const client = yield* register("r")
      yield* untilPhase("r", "warm")
      yield* client.Execute({ attempt: attempt("t1", "hello") })
      yield* untilTold(1)
      assert.deepInclude((yield* told)[0]!.outcome, { _tag: "completed" })
    }).pipe(withInstances())
  )

  it.effect("says that it cannot be reached, keeps trying, and is ready when it can", () =>
    Effect.gen(function* () {
      const client = yield* register("r")
      yield* untilReason("r", /Unreachable/)
      assert.strictEqual((yield* client.InstanceGet()).health, "unhealthy")
      yield* TestClock.adjust("10 minutes")
      assert.isAbove(yield* starts("r"), 5)
      assert.isBelow(yield* starts("r"), 30)
      yield* running("r")
      yield* untilPhase("r", "warm")
    }).pipe(withInstances())
  )

  it.effect("says that its token is refused, and does not try again in a tight loop", () =>
    Effect.gen(function* () {
      yield* running("r")
      const client = yield* register("r", "wrong")
      yield* untilReason("r", /token/)
      assert.deepInclude(yield* client.InstanceGet(), { health: "unhealthy" })
      yield* TestClock.adjust("5 minutes")
      assert.isBelow(yield* starts("r"), 6)
    }).pipe(withInstances())
  )

  it.effect("says that the gateway speaks another protocol", () =>
    Effect.gen(function* () {
      yield* running("r")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("r", { _tag: "otherProtocol" })
      const client = yield* register("r")
      yield* untilReason("r", /protocol/)
      yield* fleet.heal("r")
      yield* client.Start()
      yield* untilPhase("r", "warm")
    }).pipe(withInstances())
  )
})
