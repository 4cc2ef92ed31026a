/**
 * Remembers which payload an Idempotency-Key stood for, per owner, before anything is done under it. What makes the
 * command happen once is its actor; this only catches a key that is used for something else. Kept for 7 days.
 */
import { Context, type Effect } from "effect"
import type { ActorUnavailable, IdempotencyConflict } from "../schema/Errors.ts"

export class IdempotencyStore extends Context.Service<
  IdempotencyStore,
  {
    /** `owner` is the tenant, or the key's id for who has none. */
    readonly claim: (
      owner: string,
      key: string,
      fingerprint: string
    ) => Effect.Effect<void, IdempotencyConflict | ActorUnavailable>
  }
>()("clawster/auth/IdempotencyStore") {}
