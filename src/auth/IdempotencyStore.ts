/**
 * Stores which payload an idempotency key belongs to, per owner, before the command is executed. The actor ensures that
 * the command takes effect once; this store only detects a key that is reused for another request. By default, entries
 * are kept for 7 days (`CLAWSTER_RETENTION_IDEMPOTENCY`).
 */
import { Context, type Effect } from "effect"
import type { ActorUnavailable, IdempotencyConflict } from "../schema/Errors.ts"

export class IdempotencyStore extends Context.Service<
  IdempotencyStore,
  {
    /** `owner` is the tenant, or the id of the API key for a principal without a tenant. */
    readonly claim: (
      owner: string,
      key: string,
      fingerprint: string
    ) => Effect.Effect<void, IdempotencyConflict | ActorUnavailable>
  }
>()("clawster/auth/IdempotencyStore") {}
