import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { InstanceRegistration } from "../../src/rpc/Requests.ts"
import { toInstanceSpec } from "../../src/gateway/service/Registration.ts"
import type { InvalidInput } from "../../src/schema/Errors.ts"
import { defaultPlacement, hostPlacement, InstanceId, Placement } from "../../src/schema/Ids.ts"

const register = (gatewayConfig: string | number | boolean | object) =>
  toInstanceSpec(
    {
      instanceId: InstanceId.make("i"),
      driver: "process",
      placement: defaultPlacement,
      gatewayConfig: gatewayConfig as {}
    },
    [{ placement: defaultPlacement, regions: [], instances: 0 }]
  )

describe("gatewayConfig of a registration", () => {
  it.effect.each([["text"], [["a list"]], [7], [true]])("is refused when it is no object: %j", ([given]) =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(register(given as never))
      assert.deepStrictEqual(
        (refused as InvalidInput).faults.map(({ path }) => path),
        ["gatewayConfig"]
      )
    })
  )

  it.effect("is taken when it is one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* register({ plugins: {} })).gatewayConfig, { plugins: {} })
    })
  )
})

describe("The placement of an instance that names none", () => {
  const [a, b] = [hostPlacement("a"), hostPlacement("b")]
  const eu = Placement.make("region-eu")
  const served = [
    { placement: defaultPlacement, regions: [], instances: 0 },
    { placement: a, regions: [eu], instances: 3 },
    { placement: b, regions: [], instances: 1 },
    { placement: eu, regions: [eu], instances: 0 }
  ]
  const placed = (registration: Partial<InstanceRegistration>, among = served) =>
    Effect.map(toInstanceSpec({ driver: "process", ...registration }, among), ({ placement }) => placement)

  it.effect("is the host that has the fewest and whose runner lives, in the region that is asked for", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* placed({}), b)
      assert.strictEqual(yield* placed({ region: "eu" }), a)
      assert.strictEqual(yield* placed({ driver: "simulated", region: "eu" }), eu)
      assert.strictEqual(yield* placed({ driver: "simulated" }), defaultPlacement)
    })
  )

  it.effect("is none while no runner lives, which is said and may pass", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(placed({}, []))
      assert.strictEqual(refused._tag, "ActorUnavailable")
      assert.match(refused.message, /no runner is live/)
    })
  )
})
