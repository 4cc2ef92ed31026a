import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import type { InstanceRegistration } from "../../../src/rpc/Requests.ts"
import { toInstanceSpec } from "../../../src/gateway/service/instances/Registration.ts"
import type { InvalidInput } from "../../../src/schema/Errors.ts"
import type { Supervision } from "../../../src/schema/instance/Supervision.ts"
import { defaultPlacement, hostPlacement, InstanceId, Placement } from "../../../src/schema/Ids.ts"

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

describe("the supervision of a registration", () => {
  const faultsOf = (driver: "process" | "remote" | "simulated", supervision: Supervision) =>
    Effect.map(
      Effect.exit(
        toInstanceSpec(
          {
            instanceId: InstanceId.make("i"),
            driver,
            placement: defaultPlacement,
            supervision,
            ...(driver === "remote" ? { endpoint: { url: "ws://far:1/", token: "t" } } : {})
          },
          [{ placement: defaultPlacement, regions: [], instances: 0 }]
        )
      ),
      (exit) =>
        Exit.isSuccess(exit)
          ? []
          : (Option.getOrThrow(Exit.findErrorOption(exit)) as InvalidInput).faults.map(({ path }) => path)
    )

  it.effect("is refused in the parts that the driver cannot act on", () =>
    Effect.gen(function* () {
      const all = { startupMillis: 9_000, restartAfterProbes: 3, restartsMost: 2, reconnect: { firstMillis: 100 } }
      assert.deepStrictEqual(yield* faultsOf("process", all), [])
      assert.deepStrictEqual(yield* faultsOf("remote", all), [
        "supervision.startupMillis",
        "supervision.restartAfterProbes",
        "supervision.restartsMost"
      ])
      assert.deepStrictEqual(yield* faultsOf("simulated", all), ["supervision.startupMillis", "supervision.reconnect"])
    })
  )

  it.effect("is refused when its first wait is longer than its longest, also where that is the default", () =>
    Effect.gen(function* () {
      const waits = { reconnect: { firstMillis: 20_000 }, restart: { firstMillis: 70_000, longestMillis: 70_000 } }
      assert.deepStrictEqual(yield* faultsOf("process", waits), ["supervision.reconnect.longestMillis"])
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
