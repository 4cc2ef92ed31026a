import { assert, describe, it } from "@effect/vitest"
import { endOf, type Fault } from "../../src/testing/faults/Fault.ts"
import { plan } from "../../src/testing/faults/FaultPlan.ts"
import { Prng } from "../../src/testing/world/Prng.ts"

const runners = ["runner-1", "runner-2", "runner-3"]
const feltMillis = 2_500

const draw = (seed: number) =>
  plan(new Prng(`${seed}/faults`), { runners, durationMillis: 60_000, leaseMillis: 6_000 }, { everyMillis: 3_000 })

const between = (fault: Fault): ReadonlyArray<string> =>
  fault.kind === "partition" || fault.kind === "network" ? [fault.from, fault.to] : []

const cutsOff = (fault: Fault, runner: string): boolean =>
  fault.kind === "store"
    ? fault.from === undefined || fault.from === runner
    : between(fault).includes(runner) && between(fault).includes("store")

const contains = (fault: Fault, instant: number) => fault.at <= instant && instant < endOf(fault)

/** When a runner that is down at `at` has started and reaches the store; `at` for one that is up. */
const joinsAt = (faults: ReadonlyArray<Fault>, runner: string, at: number): number => {
  const down = faults.find((fault) => "runner" in fault && fault.runner === runner && contains(fault, at))
  if (down === undefined) return at
  const started = endOf(down)
  return Math.max(started, ...faults.filter((fault) => cutsOff(fault, runner) && contains(fault, started)).map(endOf))
}

describe("the plan of faults", () => {
  it("leaves a fault between two runners time to take effect after both have joined the cluster", () => {
    for (let seed = 1; seed <= 3_000; seed++) {
      const faults = draw(seed)
      for (const fault of faults) {
        const ends = between(fault)
        if (ends.length === 0 || ends.includes("store")) continue
        const joined = Math.max(...ends.filter((end) => end !== "client").map((end) => joinsAt(faults, end, fault.at)))
        const alone = joined === fault.at
        assert.isTrue(alone || endOf(fault) - joined >= feltMillis, `seed ${seed}: ${JSON.stringify(fault)}`)
      }
    }
  })
})
