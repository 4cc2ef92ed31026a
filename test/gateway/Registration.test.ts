import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { toInstanceSpec } from "../../src/gateway/service/Registration.ts"
import { defaultPlacement, InstanceId } from "../../src/schema/Ids.ts"

const register = (gatewayConfig: string | number | boolean | object) =>
  toInstanceSpec(
    {
      instanceId: InstanceId.make("i"),
      driver: "process",
      placement: defaultPlacement,
      gatewayConfig: gatewayConfig as {}
    },
    [defaultPlacement]
  )

describe("gatewayConfig of a registration", () => {
  it.effect.each([["text"], [["a list"]], [7], [true]])("is refused when it is no object: %j", ([given]) =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(register(given as never))
      assert.deepStrictEqual(
        refused.faults.map(({ path }) => path),
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
