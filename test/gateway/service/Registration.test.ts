import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import type { KnownPlacement } from "../../../src/ports/ClusterReads.ts"
import type { InstanceRegistration } from "../../../src/rpc/Requests.ts"
import { toInstanceSpec } from "../../../src/gateway/service/instances/Registration.ts"
import type { InvalidInput } from "../../../src/schema/Errors.ts"
import type { Supervision } from "../../../src/schema/instance/Supervision.ts"
import { defaultPlacement, hostPlacement, InstanceId, Placement } from "../../../src/schema/Ids.ts"

const servedAlone: KnownPlacement = { placement: defaultPlacement, servedWith: [defaultPlacement], instances: 0 }

const register = (gatewayConfig: string | number | boolean | object) =>
  toInstanceSpec(
    {
      instanceId: InstanceId.make("i"),
      driver: "process",
      placement: defaultPlacement,
      gatewayConfig: gatewayConfig as {}
    },
    [servedAlone]
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
          [servedAlone]
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

describe("The placement of an instance", () => {
  const [a, b, c] = [hostPlacement("a"), hostPlacement("b"), hostPlacement("c")]
  const [eu, us] = [Placement.make("region-eu"), Placement.make("region-us")]
  const known: ReadonlyArray<KnownPlacement> = [
    servedAlone,
    { placement: a, servedWith: [a, eu], instances: 3 },
    { placement: b, servedWith: [b], instances: 1 },
    { placement: c, servedWith: [], instances: 0, lastSeenAt: 1 },
    { placement: eu, servedWith: [a, eu], instances: 0 },
    { placement: us, servedWith: [], instances: 0, lastSeenAt: 1 }
  ]
  const spec = (registration: Partial<InstanceRegistration>, among = known) =>
    toInstanceSpec({ driver: "process", ...registration }, among)
  const placed = (registration: Partial<InstanceRegistration>, among = known) =>
    Effect.map(spec(registration, among), ({ placement }) => placement)

  it.effect("that names none is the host that has the fewest and whose runner lives, in the region asked for", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* placed({}), b)
      assert.strictEqual(yield* placed({ region: "eu" }), a)
      assert.strictEqual(yield* placed({ driver: "simulated", region: "eu" }), eu)
      assert.strictEqual(yield* placed({ driver: "simulated", region: "any label" }), defaultPlacement)
      assert.strictEqual(yield* placed({ driver: "simulated" }), defaultPlacement)
    })
  )

  it.effect("is none while no runner lives, which is said and may pass", () =>
    Effect.gen(function* () {
      const gone = known.map((each) => ({ ...each, servedWith: [] }))
      for (const nobody of [[], gone]) {
        const refused = yield* Effect.flip(placed({}, nobody))
        assert.strictEqual(refused._tag, "ActorUnavailable")
        assert.match(refused.message, /no runner is live/)
      }
      const noHost = [servedAlone, { placement: c, servedWith: [], instances: 0 }]
      assert.match((yield* Effect.flip(placed({}, noHost))).message, /no live runner serves a host/)
    })
  )

  it.effect("that nobody knows is refused with the field and the known ones", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(spec({ placement: hostPlacement("d") }))
      assert.deepStrictEqual((refused as InvalidInput).faults, [
        {
          path: "placement",
          expected:
            "one that a runner serves: default, host-a, host-b, host-c (no runner now), region-eu, region-us (no runner now)"
        }
      ])
    })
  )

  it.effect(
    "that is known and has no runner now, or is such a region, is unavailable, and nothing is placed elsewhere",
    () =>
      Effect.gen(function* () {
        for (const wanted of [{ placement: c }, { driver: "simulated", region: "us" }] as const) {
          const refused = yield* Effect.flip(spec(wanted))
          assert.strictEqual(refused._tag, "ActorUnavailable")
          assert.match(refused.message, /no live runner serves (host-c|region-us) now/)
        }
        assert.strictEqual((yield* Effect.flip(spec({ region: "us" })))._tag, "ActorUnavailable")
      })
  )
})
