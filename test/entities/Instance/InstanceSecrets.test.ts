import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as Codec from "../../../src/actor/state/Codec.ts"
import { InstanceActor } from "../../../src/entities/Instance/InstanceActor.ts"
import { evolve } from "../../../src/entities/Instance/InstanceEvolve.ts"
import { initial } from "../../../src/entities/Instance/InstanceState.ts"
import type { InstanceEvent } from "../../../src/schema/events/InstanceEvents.ts"
import { InstanceId } from "../../../src/schema/Ids.ts"
import * as AesSecretBox from "../../../src/shards/secrets/AesSecretBox.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import { secretKey } from "../../fixtures/SecretKeys.ts"

const codec = Codec.make<typeof initial, InstanceEvent>(InstanceActor as never, AesSecretBox.make([secretKey("a")]))

const spec = instanceSpec("one", {
  endpoint: { url: "ws://elsewhere:1", token: Redacted.make("hush-token") },
  gatewayConfig: { models: { providers: { some: { apiKey: "hush-key" } } } }
})
const registered: InstanceEvent = {
  _tag: "instance.registered",
  instanceId: InstanceId.make("one"),
  placement: spec.placement,
  driver: spec.driver,
  capabilities: [],
  at: 1,
  secret: { spec }
}

describe("What is stored of an instance", () => {
  it("has neither its token nor its gateway's configuration in clear", () => {
    const event = codec.encodeEvent(registered, "one")
    const state = codec.encodeState(evolve(initial, registered), "one")
    for (const stored of [event, state].map((value) => JSON.stringify(value))) {
      assert.notInclude(stored, "hush")
      assert.notInclude(stored, "apiKey")
    }
    assert.deepStrictEqual(codec.decodeState(state, "one").record?.spec.gatewayConfig, spec.gatewayConfig)
  })
})
