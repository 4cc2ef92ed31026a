/** Fixed seeds, the same every time, and fresh ones for a fixed time. A seed that fails is printed with the shortest faults that still break it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { explain, type Summary, sweep } from "../../src/testing/Sweep.ts"
import * as FleetScenario from "../../src/testing/scenarios/FleetScenario.ts"
import * as CounterScenario from "./CounterScenario.ts"

const freshWallMillis = 10_000

const passes = ({ failures, seeds }: Summary) => {
  assert.strictEqual(failures.map(explain).join("\n\n"), "")
  assert.isAbove(seeds, 0)
}

const counters = (seed: number) => ({
  ...CounterScenario.scenario,
  seed,
  duration: "60 seconds" as const,
  faults: { everyMillis: 4_000 }
})
const fleet = (seed: number) => ({
  ...FleetScenario.make(),
  seed,
  duration: "45 seconds" as const,
  faults: { ...FleetScenario.faults, everyMillis: 4_000 }
})

const from = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + n)
const fresh = () => from(Math.floor(Date.now() / 1_000) % 1_000_000_000, 10_000)

describe("under faults, every guarantee holds", () => {
  it.live("for counters, by fixed seeds", () =>
    Effect.map(sweep({ scenario: counters, seeds: from(1, 6), wallMillis: 90_000, tries: 20 }), passes))

  it.live("for lanes, sessions and instances, by fixed seeds", () =>
    Effect.map(sweep({ scenario: fleet, seeds: from(1, 4), wallMillis: 90_000, tries: 20 }), passes))

  it.live("for counters, by fresh seeds", () =>
    Effect.map(sweep({ scenario: counters, seeds: fresh(), wallMillis: freshWallMillis, tries: 20 }), passes))

  it.live("for lanes, sessions and instances, by fresh seeds", () =>
    Effect.map(sweep({ scenario: fleet, seeds: fresh(), wallMillis: freshWallMillis, tries: 20 }), passes))
})
