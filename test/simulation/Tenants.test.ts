/** How 20 tenants share three gateways while three of them have more work than they get slots for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Simulation } from "../../src/testing/index.ts"
import { make, Seen } from "./scenarios/TenantsScenario.ts"

describe("20 tenants on three gateways", () => {
  it.live(
    "have slots in proportion to their weight in any minute, and wait for no longer than a run below their share",
    () =>
      Effect.gen(function* () {
        const seen = new Seen()
        const { violations } = yield* Simulation.run({ ...make(seen), seed: 1, duration: "90 seconds", faults: [] })
        assert.deepStrictEqual(violations, [])
        assert.isAbove(seen.shares.length, 0)
        assert.isAbove(seen.waits.length, 0)
      }),
    600_000
  )
})
