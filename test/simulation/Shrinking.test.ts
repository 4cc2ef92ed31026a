import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { describeFault, type Fault, Simulation } from "../../src/testing/index.ts"
import * as CounterScenario from "./scenarios/CounterScenario.ts"

const noise: ReadonlyArray<Fault> = [
  { kind: "crash", at: 5_500, runner: "runner-2", forMillis: 1_000 },
  { kind: "network", at: 6_000, from: "client", to: "runner-3", forMillis: 6_000, delayMillis: [20, 100] },
  { kind: "store", at: 7_000, forMillis: 4_000, trouble: "slow", probability: 0.3 },
  { kind: "skew", at: 8_000, runner: "runner-3", millis: 300 }
]

/** Of ten seeds: chance decides whether a refused write was one that is missed later. */
const firstFailing = (optionsOf: (seed: number) => Simulation.Options) =>
  Effect.gen(function* () {
    for (let seed = 1; seed <= 10; seed++) {
      const options = optionsOf(seed)
      const report = yield* Simulation.run(options)
      if (report.violations.some(({ invariant }) => invariant === "I13")) return { options, report }
    }
    return assert.fail("no seed of ten broke I13")
  })

it.live("a failing run is shortened to the fault that matters, and told as a timeline", () =>
  Effect.gen(function* () {
    const guilty: Fault = { kind: "store", at: 9_000, forMillis: 9_000, trouble: "refuse", probability: 0.4 }
    const optionsOf = (seed: number): Simulation.Options => ({
      ...CounterScenario.scenario,
      seed,
      duration: "25 seconds",
      faults: [...noise, guilty],
      plant: { journal: (journal) => ({ ...journal, append: (commit) => Effect.ignore(journal.append(commit)) }) }
    })
    const { options, report } = yield* firstFailing(optionsOf)
    const { faults, report: shrunk } = yield* Simulation.shrinkFaults(options, report)
    assert.isAtMost(faults.length, 2)
    assert.isAbove(shrunk.violations.length, 0)
    const told = shrunk.timeline()
    for (const fault of faults) assert.include(told, describeFault(fault))
    assert.match(told, /check\s+I13/)
  })
)
