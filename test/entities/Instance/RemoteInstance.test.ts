import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import { attempt, instance, instanceEvents, told, untilPhase, untilTold, withInstances } from "./InstanceRig.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

/** A gateway that runs already, as somebody else's would. */
const running = (instanceId: string) =>
  Effect.flatMap(SimulatedDriver.make, (driver) => driver.start(instanceSpec(instanceId), 1))

const register = (instanceId: string, token = "simulated") =>
  Effect.gen(function* () {
    yield* TestClock.adjust(1)
    const client = yield* instance(instanceId)
    const endpoint = { url: `ws://simulated/${instanceId}`, token: Redacted.make(token) }
    yield* client.Register({ spec: instanceSpec(instanceId, { driver: "remote", endpoint }) })
    return client
  })

const untilReason = (instanceId: string, words: RegExp) =>
  Effect.flatMap(instance(instanceId), (client) =>
    untilVirtually(
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

  it.effect("takes another token and address in place, at once, and its work goes on", () =>
    Effect.gen(function* () {
      yield* running("r")
      const client = yield* register("r", "wrong")
      yield* untilReason("r", /token/)
      const answer = yield* client.Update({ update: { endpoint: { token: "simulated" } } })
      assert.deepStrictEqual(answer.changed, [{ field: "endpoint", takesEffect: "now" }])
      yield* untilPhase("r", "warm")
      yield* client.Execute({ attempt: attempt("t1", "[[delay 5000]] hello") })
      yield* client.Update({ update: { endpoint: { url: "ws://simulated/r?again" }, capabilities: ["new"] } })
      yield* untilTold(1)
      assert.deepInclude((yield* told)[0]!.outcome, { _tag: "completed" })
      const events = yield* instanceEvents("r")
      assert.strictEqual(events.filter(({ _tag }) => _tag === "run.accepted").length, 1)
      const { secret: _, ...shown } = events.findLast(({ _tag }) => _tag === "instance.updated")
      assert.notInclude(JSON.stringify(shown), "ws://")
      assert.deepStrictEqual((yield* client.InstanceGet()).capabilities, ["new"])
    }).pipe(withInstances())
  )

  it.effect("takes them at its next start when nobody is connected to it, and not at all when it is gone", () =>
    Effect.gen(function* () {
      yield* running("r")
      const client = yield* register("r")
      yield* untilPhase("r", "warm")
      yield* client.Stop({ graceMillis: 0 })
      yield* untilPhase("r", "stopped")
      const answer = yield* client.Update({ update: { endpoint: { token: "other" } } })
      assert.deepStrictEqual(answer.changed, [{ field: "endpoint", takesEffect: "restart" }])
      assert.strictEqual(answer.phase, "stopped")
      yield* client.Deregister({ force: false })
      assert.strictEqual((yield* Effect.flip(client.Update({ update: {} })))._tag, "NotFound")
    }).pipe(withInstances())
  )
})
