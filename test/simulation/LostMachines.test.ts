/** Machines that are lost for good or cut off under load: nothing waits for them, and nothing runs twice at once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Simulation } from "../../src/testing/index.ts"
import { all, boundMillis, type Bugs, make, Seen } from "./scenarios/LostMachinesScenario.ts"

const run = Effect.fnUntraced(function* (seed: number, bugs: Bugs = {}) {
  const seen = new Seen()
  const { violations } = yield* Simulation.run({ ...make(seen, bugs), seed, duration: "90 seconds", faults: [] })
  return { seen, violations }
})

const finds = Effect.fnUntraced(function* (invariant: string, bugs: Bugs) {
  for (let seed = 1; seed <= 5; seed++) {
    const { violations } = yield* run(seed, bugs)
    if (violations.some((violation) => violation.invariant === invariant)) return
  }
  assert.fail(`no seed of five showed ${invariant}`)
})

const seeds = 2

describe("machines that leave a simulated cluster under load", () => {
  it.live(
    "have all their work done elsewhere within 30 s, each task and turn once",
    () =>
      Effect.gen(function* () {
        const reroutes: Array<number> = []
        for (let seed = 1; seed <= seeds; seed++) {
          const { seen, violations } = yield* run(seed)
          assert.deepStrictEqual(violations, [], `seed ${seed}`)
          assert.deepStrictEqual(seen.failed, [], `seed ${seed}`)
          assert.strictEqual(seen.completed.size, all.tasks)
          assert.strictEqual(seen.turnsCompleted.size, all.turns)
          reroutes.push(...seen.reroutes)
        }
        assert.isAbove(reroutes.length, seeds)
        assert.isAtMost(Math.max(...reroutes), boundMillis)
      }),
    600_000
  )

  it.live("show a lane that never learns that a machine is gone", () => finds("lost", { unaware: true }), 240_000)

  it.live("show a gateway that goes on without its runner", () => finds("I3", { undying: true }), 240_000)
})
