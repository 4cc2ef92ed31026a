/** The real sharding, shell and leases on virtual time, network and store, under faults drawn from a seed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../src/testing/Simulation.ts"
import { scenario } from "./CounterScenario.ts"

const run = (seed: number, plant: Simulation.Options["plant"] = {}) =>
  Simulation.run({ ...scenario, seed, duration: "60 seconds", faults: {}, plant })

describe("the simulated cluster", () => {
  it.live("gives the same run, step for step, for the same seed, and another for another", () =>
    Effect.gen(function*() {
      const [first, again, other] = [yield* run(7), yield* run(7), yield* run(8)]
      assert.strictEqual(again.hash, first.hash)
      assert.notStrictEqual(other.hash, first.hash)
    }))

  it.live.each([1, 2, 3, 4, 5, 6])("keeps every guarantee under the faults of seed %s, each of which is seen to happen", (seed) =>
    Effect.map(run(seed), ({ faults, timeline, violations }) => {
      assert.isAbove(faults.length, 0)
      assert.deepStrictEqual(violations, [], timeline())
    }))

  it.live("finds a store that does not fence", () =>
    Effect.gen(function*() {
      const found = yield* Effect.forEach([1, 2, 3, 4, 5, 6], (seed) => run(seed, { withoutFence: true }))
      assert.isTrue(found.some(({ violations }) => violations.some(({ invariant }) => invariant === "I1")))
    }))
})
