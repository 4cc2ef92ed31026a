/** Builds the `InstanceDrivers` of a runner from its drivers: one per kind, the last of a kind wins. */
import { Effect, Layer, type Scope } from "effect"
import type { InstanceSpec } from "../schema/Instance.ts"
import { DriverError, type InstanceDriver, InstanceDrivers } from "./InstanceDriver.ts"

export const layer = <E, R>(
  drivers: ReadonlyArray<Effect.Effect<InstanceDriver, E, R>>
): Layer.Layer<InstanceDrivers, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(InstanceDrivers, Effect.map(Effect.all(drivers), make))

export const make = (drivers: ReadonlyArray<InstanceDriver>): InstanceDrivers["Service"] => {
  const byKind = new Map(drivers.map((driver) => [driver.kind, driver]))
  return {
    all: Array.from(byKind.values()),
    get: (spec) => {
      const driver = byKind.get(spec.driver)
      return driver === undefined ? Effect.fail(missing(spec, Array.from(byKind.keys()))) : Effect.succeed(driver)
    }
  }
}

const missing = (spec: Pick<InstanceSpec, "driver" | "instanceId">, has: ReadonlyArray<string>): DriverError =>
  new DriverError({
    instanceId: spec.instanceId,
    reason: "Unsupported",
    message: `this runner has no ${spec.driver} driver; it has ${has.join(", ") || "none"}`,
    retryable: false
  })
