/**
 * Authenticates a credential and returns its principal. Keys are cached for `rememberedFor`, so that a revocation takes
 * effect everywhere within that time and a key costs at most one read of the store in that time.
 */
import { Cache, Context, Effect, Exit, Layer } from "effect"
import { type ActorUnavailable, Unauthenticated } from "../schema/Errors.ts"
import { TenantId } from "../schema/Ids.ts"
import type { Principal } from "../schema/access/Principal.ts"
import * as ApiKey from "./ApiKey.ts"
import { isSameDigest } from "./DigestNode.ts"
import { KeyStore, type StoredKey } from "./KeyStore.ts"

const keysRemembered = 10_000
export const rememberedFor = "5 seconds"
const absenceRememberedFor = "1 second"

const refused = new Unauthenticated({
  message: "send a valid API key: `Authorization: Bearer claw_<key id>_<secret>`"
})

const principalOf = ({ keyId, name, role, tenantId }: StoredKey): Principal | undefined => {
  if (role !== "tenant") return { keyId, name, role }
  return tenantId === null ? undefined : { keyId, name, role, tenantId: TenantId.make(tenantId) }
}

export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** Fails with the same error for every invalid credential. */
    readonly authenticate: (token: string) => Effect.Effect<Principal, Unauthenticated | ActorUnavailable>
    /** Authenticates the value of an `Authorization` header. */
    readonly authenticateHeader: (
      header: string | undefined
    ) => Effect.Effect<Principal, Unauthenticated | ActorUnavailable>
    /**
     * Never succeeds, and fails within seconds after the key of the `Authorization` header has been revoked. Race it
     * with a long-lived connection to close the connection.
     */
    readonly untilRevoked: (header: string | undefined) => Effect.Effect<never, Unauthenticated>
  }
>()("clawster/auth/Authenticator") {
  static readonly layer = Layer.effect(
    Authenticator,
    Effect.gen(function* () {
      const store = yield* KeyStore
      const known = yield* Cache.makeWith((keyId: string) => store.find(keyId), {
        capacity: keysRemembered,
        timeToLive: (exit) => {
          if (Exit.isFailure(exit)) return 0
          return exit.value === undefined ? absenceRememberedFor : rememberedFor
        }
      })

      const authenticate = Effect.fnUntraced(function* (token: string) {
        const parsed = ApiKey.parse(token)
        if (parsed === undefined) return yield* refused
        const key = yield* Cache.get(known, parsed.keyId)
        const isValid = key !== undefined && key.revokedAt === null && isSameDigest(key.hash, parsed.hash)
        const principal = isValid ? principalOf(key) : undefined
        return principal ?? (yield* refused)
      })

      const authenticateHeader = (header: string | undefined) => {
        const match = /^Bearer +(\S+)$/i.exec(header ?? "")
        return match === null ? Effect.fail(refused) : authenticate(match[1]!)
      }

      const untilRevoked = (header: string | undefined) =>
        authenticateHeader(header).pipe(
          Effect.catchTag("ActorUnavailable", () => Effect.void),
          Effect.delay(rememberedFor),
          Effect.forever
        )

      return Authenticator.of({ authenticate, authenticateHeader, untilRevoked })
    })
  )
}
