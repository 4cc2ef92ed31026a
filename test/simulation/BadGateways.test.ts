/** Gateways that fail at once, hang or answer late among many that are well: what their tasks feel of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Simulation } from "../../src/testing/index.ts"
import { gateways, kindOf, make, type Mix, Tally, tasks } from "./scenarios/BadGatewaysScenario.ts"

const run = Effect.fnUntraced(function* (mix: Mix, seed: number) {
  const tally = new Tally()
  const { violations } = yield* Simulation.run({ ...make(mix, tally), seed, duration: "60 seconds", faults: [] })
  assert.deepStrictEqual(violations, [])
  assert.strictEqual(tally.completed.size + tally.deadLettered.size, tasks)
  return tally
})

const ids = Array.from({ length: gateways }, (_, n) => `i${n}`)

describe("50 gateways", () => {
  it.live(
    "of which 5 fail every run at once, 5 hang and 5 answer late, complete 99 % at the first or second attempt",
    () =>
      Effect.gen(function* () {
        const mix = { failing: 5, hanging: 5, late: 5 }
        const tally = yield* run(mix, 1)
        assert.isAtLeast(tally.soon, 0.99 * tasks)
        const failing = ids.filter((id) => kindOf(mix, id) === "failing")
        assert.includeMembers([...tally.openedBreakers], failing)
      }),
    240_000
  )

  it.live(
    "of which one fails every run at once, see each retry go elsewhere and complete all",
    () =>
      Effect.gen(function* () {
        const tally = yield* run({ failing: 1, hanging: 0, late: 0 }, 3)
        assert.strictEqual(tally.soon, tasks)
        const hit = [...tally.attempts.values()].filter((where) => where.includes("i0"))
        assert.isAbove(hit.length, 0)
        for (const where of hit) assert.strictEqual(where.indexOf("i0"), where.lastIndexOf("i0"))
        assert.isAtMost(hit.length, 20, "it does not draw the work of the others")
      }),
    240_000
  )
})
