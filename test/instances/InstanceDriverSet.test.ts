import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { InstanceDrivers } from "../../src/instances/InstanceDriver.ts"
import * as InstanceDriverSet from "../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"

const TestLayer = InstanceDriverSet.layer([SimulatedDriver.make]).pipe(Layer.provide(SimulatedFleet.layer()))

describe("InstanceDriverSet", () => {
  it.effect("gives the driver of the instance's kind, and says which kinds it has where it has not", () =>
    Effect.gen(function* () {
      const drivers = yield* InstanceDrivers
      assert.strictEqual((yield* drivers.get(instanceSpec("a"))).kind, "simulated")
      const error = yield* Effect.flip(drivers.get(instanceSpec("a", { driver: "process" })))
      assert.strictEqual(error.reason, "Unsupported")
      assert.include(error.message, "no process driver; it has simulated")
    }).pipe(Effect.provide(TestLayer))
  )
})
