/** Creates, lists and revokes API keys. It does not check permissions: the edge has already asked the policy. */
import { Clock, Context, Effect, Layer } from "effect"
import type { ApiKeyInfo, CreatedKey, CreateKey } from "../schema/access/ApiKeyInfo.ts"
import { type ActorUnavailable, Conflict, InvalidInput, NotFound } from "../schema/Errors.ts"
import { TenantId } from "../schema/Ids.ts"
import * as ApiKey from "./ApiKey.ts"
import { sha256Hex } from "./DigestNode.ts"
import { KeyStore, type StoredKey } from "./KeyStore.ts"

const infoOf = ({ createdAt, keyId, name, revokedAt, role, tenantId }: StoredKey): ApiKeyInfo => ({
  keyId,
  name,
  role,
  ...(tenantId === null ? {} : { tenantId: TenantId.make(tenantId) }),
  createdAt,
  ...(revokedAt === null ? {} : { revokedAt })
})

const tenantFault = ({ role, tenantId }: CreateKey): InvalidInput | undefined => {
  if ((role === "tenant") === (tenantId !== undefined)) return undefined
  const expected = role === "tenant" ? "the tenant whose key this is" : `nothing: a key of role ${role} has no tenant`
  return new InvalidInput({ message: "role and tenant do not fit", faults: [{ path: "tenantId", expected }] })
}

export class KeyService extends Context.Service<
  KeyService,
  {
    /**
     * The returned token is available only in this answer. With a `requestId`, the key's id is derived from it, so that
     * the same request does not create a second key: it fails with `Conflict`, because the secret cannot be shown
     * again.
     */
    readonly create: (
      request: CreateKey,
      requestId?: string | undefined
    ) => Effect.Effect<CreatedKey, InvalidInput | Conflict | ActorUnavailable>
    /** Oldest first, including revoked keys. */
    readonly list: Effect.Effect<ReadonlyArray<ApiKeyInfo>, ActorUnavailable>
    /** Takes effect everywhere within seconds. Revoking a revoked key changes nothing. */
    readonly revoke: (keyId: string) => Effect.Effect<ApiKeyInfo, NotFound | ActorUnavailable>
  }
>()("clawster/auth/KeyService") {
  static readonly layer = Layer.effect(
    KeyService,
    Effect.gen(function* () {
      const store = yield* KeyStore

      const create = Effect.fn("KeyService.create")(function* (request: CreateKey, requestId?: string) {
        const fault = tenantFault(request)
        if (fault !== undefined) return yield* fault
        const fixedId = requestId === undefined ? undefined : sha256Hex(`key ${requestId}`).slice(0, 16)
        if (fixedId !== undefined && (yield* store.find(fixedId)) !== undefined) {
          return yield* new Conflict({
            message: `this request made key ${fixedId} before, and its secret is told once; revoke it and make another`,
            state: "created"
          })
        }
        const { hash, keyId, token } = yield* ApiKey.draw(fixedId)
        const key: StoredKey = {
          keyId,
          hash,
          name: request.name,
          role: request.role,
          tenantId: request.tenantId ?? null,
          createdAt: yield* Clock.currentTimeMillis,
          revokedAt: null
        }
        yield* store.add(key)
        return { key: infoOf(key), token }
      })

      const revoke = Effect.fn("KeyService.revoke")(function* (keyId: string) {
        const isKnown = yield* store.revoke(keyId, yield* Clock.currentTimeMillis)
        const key = isKnown ? yield* store.find(keyId) : undefined
        return key === undefined
          ? yield* new NotFound({ kind: "key", id: keyId, message: `there is no key ${keyId}` })
          : infoOf(key)
      })

      return KeyService.of({ create, revoke, list: Effect.map(store.list, (keys) => keys.map(infoOf)) })
    })
  )
}
