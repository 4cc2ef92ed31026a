import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Authenticator } from "../../src/auth/Authenticator.ts"
import { KeyService } from "../../src/auth/KeyService.ts"
import { KeyStore } from "../../src/auth/KeyStore.ts"
import * as MemoryKeyStores from "../../src/auth/MemoryKeyStores.ts"
import { TenantId } from "../../src/schema/Ids.ts"

const access = Effect.provide(
  Layer.mergeAll(KeyService.layer, Authenticator.layer).pipe(Layer.provideMerge(MemoryKeyStores.layer))
)
const acme = TenantId.make("acme")

describe("API keys", () => {
  it.effect("know their bearer, and keep nothing that would let another be it", () =>
    Effect.gen(function* () {
      const keys = yield* KeyService
      const { authenticate } = yield* Authenticator
      const { key, token } = yield* keys.create({ name: "ci", role: "tenant", tenantId: acme })
      assert.match(token, /^claw_[a-z0-9]{16}_[0-9a-f]{64}$/)
      assert.deepStrictEqual(yield* authenticate(token), {
        keyId: key.keyId,
        name: "ci",
        role: "tenant",
        tenantId: acme
      })
      const stored = yield* (yield* KeyStore).find(key.keyId)
      assert.isFalse(JSON.stringify(stored).includes(token.split("_")[2]!))
    }).pipe(access)
  )

  it.effect("are refused alike whatever is wrong with them", () =>
    Effect.gen(function* () {
      const keys = yield* KeyService
      const { authenticate, authenticateHeader } = yield* Authenticator
      const { key, token } = yield* keys.create({ name: "ci", role: "admin" })
      const other = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0")
      const wrong = [other, "", "claw_", `claw_${key.keyId}_`, token.toUpperCase(), `${token}0`, "x".repeat(1_000_000)]
      const refusals = yield* Effect.forEach(wrong, (credential) => Effect.flip(authenticate(credential)))
      assert.strictEqual(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size, 1)
      assert.strictEqual(refusals[0]!._tag, "Unauthenticated")
      assert.strictEqual((yield* Effect.flip(authenticateHeader(token)))._tag, "Unauthenticated")
      assert.strictEqual((yield* authenticateHeader(`bearer ${token}`)).role, "admin")
    }).pipe(access)
  )

  it.effect("stop working within seconds of being revoked", () =>
    Effect.gen(function* () {
      const keys = yield* KeyService
      const { authenticate } = yield* Authenticator
      const { key, token } = yield* keys.create({ name: "ci", role: "admin" })
      yield* authenticate(token)
      const revoked = yield* keys.revoke(key.keyId)
      assert.isDefined(revoked.revokedAt)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* Effect.flip(authenticate(token)))._tag, "Unauthenticated")
      assert.strictEqual((yield* Effect.flip(keys.revoke("unknown1")))._tag, "NotFound")
    }).pipe(access)
  )

  it.effect("cost one look-up of the store for all calls of some seconds", () =>
    Effect.gen(function* () {
      let finds = 0
      const store = yield* KeyStore
      const counted = Layer.succeed(KeyStore, {
        ...store,
        find: (keyId) =>
          Effect.suspend(() => {
            finds++
            return store.find(keyId)
          })
      })
      const { token } = yield* (yield* KeyService).create({ name: "ci", role: "admin" })
      yield* Effect.gen(function* () {
        const { authenticate } = yield* Authenticator
        yield* Effect.forEach(Array.from({ length: 50 }), () => authenticate(token), { concurrency: 10 })
        assert.strictEqual(finds, 1)
      }).pipe(Effect.provide(Layer.fresh(Authenticator.layer).pipe(Layer.provide(counted))))
    }).pipe(access)
  )

  it.effect("belong to a tenant exactly when their role says so", () =>
    Effect.gen(function* () {
      const keys = yield* KeyService
      const none = yield* Effect.flip(keys.create({ name: "x", role: "tenant" }))
      const one = yield* Effect.flip(keys.create({ name: "x", role: "admin", tenantId: acme }))
      assert.isTrue(none._tag === "InvalidInput" && none.faults[0]!.path === "tenantId")
      assert.isTrue(one._tag === "InvalidInput" && one.faults[0]!.path === "tenantId")
    }).pipe(access)
  )

  it.effect("are made once for one request", () =>
    Effect.gen(function* () {
      const keys = yield* KeyService
      yield* keys.create({ name: "x", role: "admin" }, "r1")
      assert.strictEqual((yield* Effect.flip(keys.create({ name: "x", role: "admin" }, "r1")))._tag, "Conflict")
      assert.strictEqual((yield* keys.list).length, 1)
    }).pipe(access)
  )
})
