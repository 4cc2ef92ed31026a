/** Port: storage of API keys, which contains only hashes of their secrets. */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { TenantId } from "../schema/Ids.ts"
import type { Role } from "../schema/access/Principal.ts"

export interface StoredKey {
  /** Public part of the key, used to look it up. */
  readonly keyId: string
  /** SHA-256 of the secret part, in hex. */
  readonly hash: string
  readonly name: string
  readonly role: Role
  readonly tenantId: TenantId | null
  readonly createdAt: number
  readonly revokedAt: number | null
}

export class KeyStore extends Context.Service<
  KeyStore,
  {
    readonly add: (key: StoredKey) => Effect.Effect<void, ActorUnavailable>
    readonly find: (keyId: string) => Effect.Effect<StoredKey | undefined, ActorUnavailable>
    readonly list: Effect.Effect<ReadonlyArray<StoredKey>, ActorUnavailable>
    /** Returns whether the key exists. */
    readonly revoke: (keyId: string, at: number) => Effect.Effect<boolean, ActorUnavailable>
  }
>()("clawster/auth/KeyStore") {}
