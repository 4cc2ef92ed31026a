import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as Crypto from "node:crypto"
import * as DeviceIdentity from "../../../src/openclaw/protocol/DeviceIdentity.ts"
import { connectParams, deviceText, isLoopback } from "../../../src/openclaw/protocol/Handshake.ts"

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex")

const verifies = (identity: DeviceIdentity.DeviceIdentity, text: string, signature: string): boolean => {
  const der = Buffer.concat([spkiPrefix, Buffer.from(identity.publicKey, "base64url")])
  const key = Crypto.createPublicKey({ key: der, format: "der", type: "spki" })
  return Crypto.verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"))
}

describe("DeviceIdentity", () => {
  it.live("keeps one key pair, whoever of several asks first", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = `${yield* fs.makeTempDirectoryScoped()}/keys`
      const file = `${folder}/device.json`
      const loaded = yield* Effect.all(
        Array.from({ length: 8 }, () => DeviceIdentity.load(file)),
        { concurrency: 8 }
      )
      assert.strictEqual(new Set(loaded.map(({ id }) => id)).size, 1)
      assert.strictEqual((yield* DeviceIdentity.load(file)).id, loaded[0]?.id)
      assert.strictEqual(Number((yield* fs.stat(file)).mode) & 0o777, 0o600)
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["device.json"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("signs the handshake so that its public key verifies it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const identity = yield* DeviceIdentity.load(`${yield* fs.makeTempDirectoryScoped()}/device.json`)
      const challenge = { nonce: "n-1", ts: 1_795_240_069_273 }
      const { device } = connectParams({ token: "t", challenge, device: identity })
      const text = deviceText(identity.id, "t", challenge)
      assert.include(
        text,
        "|gateway-client|backend|operator|operator.read,operator.write,operator.admin|1795240069273|t|n-1|"
      )
      assert.isTrue(verifies(identity, text, device?.signature ?? ""))
      assert.strictEqual(
        identity.id,
        Crypto.createHash("sha256").update(Buffer.from(identity.publicKey, "base64url")).digest("hex")
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("says which file is not a device key, and leaves it alone", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* fs.makeTempDirectoryScoped()}/device.json`
      yield* fs.writeFileString(file, "{}")
      const error = yield* Effect.flip(DeviceIdentity.load(file))
      assert.strictEqual(error._tag, "DeviceIdentityUnavailable")
      assert.include(error.message, file)
      assert.strictEqual(yield* fs.readFileString(file), "{}")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("knows loopback addresses", () => {
    const yes = ["ws://127.0.0.1:1/", "ws://localhost:1/", "ws://[::1]:1/", "ws://127.8.9.1/"]
    const no = ["ws://10.0.0.1:1/", "wss://gateway.example/", "ws://127.0.0.1.example/", "nonsense"]
    assert.deepStrictEqual(
      yes.map(isLoopback),
      yes.map(() => true)
    )
    assert.deepStrictEqual(
      no.map(isLoopback),
      no.map(() => false)
    )
  })
})
