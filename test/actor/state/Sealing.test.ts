import { assert, describe, it } from "@effect/vitest"
import { HashMap, Redacted, Schema } from "effect"
import { Entity } from "effect/cluster"
import { command, protocol } from "../../../src/actor/Protocol.ts"
import { send } from "../../../src/actor/Send.ts"
import * as Codec from "../../../src/actor/state/Codec.ts"
import { type Found, secretFields } from "../../../src/actor/state/SecretFields.ts"
import { Secret, SecretJson } from "../../../src/schema/Secret.ts"
import * as AesSecretBox from "../../../src/shards/secrets/AesSecretBox.ts"
import { faultOf } from "../../fixtures/SecretFaults.ts"
import { secretKey } from "../../fixtures/SecretKeys.ts"

const Login = Schema.Struct({ name: Schema.String, password: Secret(Schema.NonEmptyString) })
const State = Schema.Struct({
  tenant: Schema.String,
  login: Schema.optionalKey(Login),
  by: Schema.HashMap(Schema.String, Login),
  list: Schema.Array(Secret())
})
const Event = Schema.Union([
  Schema.TaggedStruct("login.changed", { login: Login }),
  Schema.TaggedStruct("login.noted", { login: Schema.Struct({ name: Schema.String, password: Schema.String }) }),
  Schema.TaggedStruct("login.removed", {})
])

const entity = Entity.fromRpcGroup("Login", protocol(command("Get", { success: Schema.String })))
const definition = {
  entity,
  state: State,
  event: Event,
  secretTenant: (encoded: any) => encoded.tenant as string | undefined
}
const codecWith = (...keys: ReadonlyArray<string>) =>
  Codec.make<typeof State.Type, typeof Event.Type>(definition as never, AesSecretBox.make(keys.map(secretKey)))
const codec = codecWith("a")

const login = { name: "ada", password: Redacted.make("hush-1") }
const state = {
  tenant: "acme",
  login,
  by: HashMap.make(["x", { name: "x", password: Redacted.make("hush-2") }]),
  list: [Redacted.make("hush-3"), Redacted.make("hush-4")]
}

const throughStore = (encoded: unknown): unknown => JSON.parse(JSON.stringify(encoded))

describe("The secrets of what an actor stores", () => {
  it("are envelopes in events and states, wherever they are, and are read back", () => {
    const stored = throughStore(codec.encodeState(state, "one"))
    assert.notInclude(JSON.stringify(stored), "hush")
    assert.include(JSON.stringify(stored), `"$secret":"v1"`)
    const read = codec.decodeState(stored, "one")
    assert.strictEqual(Redacted.value(read.login!.password), "hush-1")
    assert.strictEqual(Redacted.value(HashMap.getUnsafe(read.by, "x").password), "hush-2")
    assert.deepStrictEqual(read.list.map(Redacted.value), ["hush-3", "hush-4"])

    const event = throughStore(codec.encodeEvent({ _tag: "login.changed", login }, "one"))
    assert.notInclude(JSON.stringify(event), "hush")
    const back = codec.decodeEvent(event, "one")
    assert.strictEqual(back._tag === "login.changed" ? Redacted.value(back.login.password) : "", "hush-1")
  })

  it("leave the other events as they are, also those with a field of the same name", () => {
    const noted = { _tag: "login.noted", login: { name: "ada", password: "plain" } } as const
    assert.deepStrictEqual(codec.encodeEvent(noted, "one"), noted)
    assert.deepStrictEqual(codec.decodeEvent(noted, "one"), noted)
  })

  it("are read in clear as earlier versions stored them", () => {
    const old = { _tag: "login.changed", login: { name: "ada", password: "hush-1" } }
    const event = codec.decodeEvent(old, "one")
    assert.strictEqual(event._tag === "login.changed" ? Redacted.value(event.login.password) : "", "hush-1")
  })

  it("cannot be read by another actor, of another tenant, or in another field", () => {
    const stored = codec.encodeState(state, "one") as any
    assert.strictEqual(faultOf(() => codec.decodeState(stored, "two")).reason, "Unreadable")
    assert.strictEqual(faultOf(() => codec.decodeState({ ...stored, tenant: "other" }, "one")).reason, "Unreadable")
    const moved = { ...stored, list: [stored.login.password] }
    assert.strictEqual(faultOf(() => codec.decodeState(moved, "one")).reason, "Unreadable")
  })

  it("are not written without a key, and what is sealed is not read without its own", () => {
    assert.strictEqual(faultOf(() => codecWith().encodeState(state, "one")).reason, "NoKey")
    const fault = faultOf(() => codecWith("b").decodeState(codec.encodeState(state, "one"), "one"))
    assert.deepInclude(fault, { reason: "UnknownKey", keyId: "a" })
  })

  it("are sealed again when they are in clear or under another key", () => {
    const reseal = (value: unknown) => {
      const found: Array<Found> = []
      const box = AesSecretBox.make([secretKey("b"), secretKey("a")])
      const next = Codec.sealings(definition as never, box).state!.reseal(value, "one", (one) => found.push(one))
      return { found, next }
    }
    const old = codec.encodeState(state, "one") as any
    const { found, next } = reseal({ ...old, list: ["hush-3", old.list[1]] })
    assert.strictEqual(found.length, 4)
    assert.notInclude(JSON.stringify(next), "hush")
    assert.notInclude(JSON.stringify(next), `"key":"a"`)
    assert.deepStrictEqual(codecWith("b").decodeState(next, "one").list.map(Redacted.value), ["hush-3", "hush-4"])
    assert.strictEqual(reseal(next).next, next)
  })

  it("are not looked for in a schema that has none", () => {
    assert.isUndefined(secretFields(Schema.Struct({ a: Schema.HashMap(Schema.String, Schema.Json) })))
  })

  it("are found in a schema that refers to itself", () => {
    interface Tree {
      readonly secret: Redacted.Redacted
      readonly below: ReadonlyArray<Tree>
    }
    const Tree = Schema.Struct({
      secret: Secret(),
      below: Schema.Array(Schema.suspend((): Schema.Codec<Tree, any> => Tree as never))
    })
    const fields: Array<string> = []
    const value = { secret: "1", below: [{ secret: "2", below: [{ secret: "3", below: [] }] }] }
    const changed = secretFields(Tree)!.change(value, (found, field) => {
      fields.push(field)
      return `${String(found)}!`
    })
    assert.deepStrictEqual(fields, ["secret", "below.secret", "below.below.secret"])
    assert.strictEqual((changed as typeof value).below[0]!.below[0]!.secret, "3!")
  })

  describe("that are JSON", () => {
    const Settings = Schema.Struct({ tenant: Schema.String, settings: Schema.optionalKey(SecretJson) })
    const settingsCodec = (...keys: ReadonlyArray<string>) =>
      Codec.make<typeof Settings.Type, typeof Event.Type>(
        { ...definition, state: Settings } as never,
        AesSecretBox.make(keys.map(secretKey))
      )
    const roundTrip = (settings: Schema.Json) => {
      const stored = throughStore(settingsCodec("a").encodeState({ tenant: "acme", settings }, "one"))
      return { stored, read: settingsCodec("a").decodeState(stored, "one").settings }
    }

    it("are one envelope and are read back", () => {
      const settings = { models: { apiKey: "hush" }, list: ["hush"] }
      const { read, stored } = roundTrip(settings)
      assert.notInclude(JSON.stringify(stored), "hush")
      assert.notInclude(JSON.stringify(stored), "apiKey")
      assert.deepStrictEqual(read, settings)
    })

    it("are read back when they look like an envelope", () => {
      const settings = { $secret: "v1", key: "a", nonce: "AAAA", data: "AAAA" }
      const { read, stored } = roundTrip(settings)
      assert.deepStrictEqual(read, settings)
      assert.notInclude(JSON.stringify(stored), "AAAA")
    })

    it("need no key when there are none", () => {
      for (const state of [{ tenant: "acme" }, { tenant: "acme", settings: null }]) {
        assert.deepStrictEqual(settingsCodec().encodeState(state, "one"), state)
      }
    })

    it("are read in clear as earlier versions stored them, and sealed by a sweep", () => {
      const old = { tenant: "acme", settings: { models: { apiKey: "hush" } } }
      assert.deepStrictEqual(settingsCodec().decodeState(old, "one"), old)
      const box = AesSecretBox.make([secretKey("a")])
      const { reseal } = Codec.sealings({ ...definition, state: Settings } as never, box).state!
      const next = reseal(old, "one", () => {})
      assert.notInclude(JSON.stringify(next), "hush")
      assert.deepStrictEqual(settingsCodec("a").decodeState(next, "one"), old)
      assert.strictEqual(
        reseal(next, "one", () => {}),
        next
      )
    })
  })

  it("are refused in a reply and in a message to another actor, which are stored as they are", () => {
    const telling = Entity.fromRpcGroup("Telling", protocol(command("Tell", { success: Login })))
    assert.throws(() => Codec.make({ ...definition, entity: telling } as never), /reply of the command Tell/)
    const hearing = Entity.fromRpcGroup("Hearing", protocol(command("Hear", { payload: { login: Login } })))
    assert.throws(() => send(hearing, "one", "Hear", { login }), /message Hear/)
  })
})
