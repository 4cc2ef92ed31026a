import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Simulation } from "../../src/testing/index.ts"
import * as FleetScenario from "../../src/testing/scenarios/FleetScenario.ts"
import * as CounterScenario from "./scenarios/CounterScenario.ts"

const counters = (seed: number) =>
  Simulation.run({ ...CounterScenario.scenario, seed, duration: "40 seconds", faults: { everyMillis: 2_500 } })
const fleet = (seed: number) =>
  Simulation.run({
    ...FleetScenario.make(),
    seed,
    duration: "30 seconds",
    faults: { ...FleetScenario.faults, everyMillis: 2_500 }
  })

describe("a simulated run", () => {
  it.live("is the same, step for step, for the same seed", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* counters(11), yield* counters(11)]
      assert.isAbove(first.commits, 200)
      assert.isAbove(first.faults.length, 5)
      assert.deepStrictEqual(
        [first.hash, first.commits, first.statements, first.packets, first.virtualMillis],
        [second.hash, second.commits, second.statements, second.packets, second.virtualMillis]
      )
      assert.notStrictEqual((yield* counters(12)).hash, first.hash)
    })
  )

  it.live("is the same with gateways, lanes and sessions", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* fleet(5), yield* fleet(5)]
      assert.isAbove(first.commits, 200)
      assert.strictEqual(first.hash, second.hash)
    })
  )

  it.live("is the same whether or not its lines are kept", () =>
    Effect.gen(function* () {
      const kept = yield* Simulation.run({
        ...CounterScenario.scenario,
        seed: 11,
        duration: "40 seconds",
        faults: { everyMillis: 2_500 },
        keepLines: 1_000
      })
      assert.strictEqual(kept.hash, (yield* counters(11)).hash)
      assert.include(kept.timeline(), "runner-1")
    })
  )
})
