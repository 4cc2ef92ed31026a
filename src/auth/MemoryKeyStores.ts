/**
 * Stores for API keys and idempotency keys in memory, with the semantics of the real stores: for tests, and for
 * embedding without a database.
 */
import { Effect, Layer } from "effect"
import { IdempotencyConflict } from "../schema/Errors.ts"
import { IdempotencyStore } from "./IdempotencyStore.ts"
import { KeyStore, type StoredKey } from "./KeyStore.ts"

const keys = Layer.sync(KeyStore, () => {
  const stored = new Map<string, StoredKey>()
  return KeyStore.of({
    add: (key) => Effect.sync(() => void stored.set(key.keyId, key)),
    find: (keyId) => Effect.sync(() => stored.get(keyId)),
    list: Effect.sync(() => [...stored.values()].sort((left, right) => left.createdAt - right.createdAt)),
    revoke: (keyId, at) =>
      Effect.sync(() => {
        const key = stored.get(keyId)
        if (key !== undefined) stored.set(keyId, { ...key, revokedAt: key.revokedAt ?? at })
        return key !== undefined
      })
  })
})

const idempotency = Layer.sync(IdempotencyStore, () => {
  const claims = new Map<string, string>()
  return IdempotencyStore.of({
    claim: (owner, key, fingerprint) =>
      Effect.suspend(() => {
        const name = `${owner}\n${key}`
        const claimed = claims.get(name) ?? fingerprint
        claims.set(name, claimed)
        return claimed === fingerprint
          ? Effect.void
          : Effect.fail(
              new IdempotencyConflict({
                key,
                message: "this idempotency key was used before with another request; use a new key for a new request"
              })
            )
      })
  })
})

export const layer = Layer.merge(keys, idempotency)
