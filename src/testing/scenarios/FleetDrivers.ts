/**
 * The simulated driver, whose slow operations run in the gateways' own process: a runner that dies in the middle of a
 * start leaves no lock behind.
 */
import { Effect, type Layer } from "effect"
import type { InstanceDriver } from "../../instances/InstanceDriver.ts"
import * as DriverSet from "../../instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../instances/SimulatedDriver.ts"
import { OutsideProcess } from "../cluster/OutsideProcess.ts"

const make = Effect.gen(function* () {
  const driver = yield* SimulatedDriver.make
  const { call } = yield* OutsideProcess
  return {
    ...driver,
    start: (spec, epoch) => call(driver.start(spec, epoch)),
    stop: (spec, epoch, options) => call(driver.stop(spec, epoch, options))
  } satisfies InstanceDriver
})

export const layer = DriverSet.layer([make])

export type Requires = Layer.Services<typeof layer>
