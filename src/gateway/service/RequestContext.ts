/**
 * One call of a principal, and the derivation of the request id, which makes the command take effect once, from its
 * idempotency key.
 */
import { Effect } from "effect"
import type { CallOptions } from "../../actor/ActorClient.ts"
import { sha256Hex } from "../../auth/DigestNode.ts"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { ownerOf } from "../../auth/Policy.ts"
import { CurrentPrincipal, drawnKeyPrefix } from "../../rpc/Authentication.ts"
import { IdempotencyConflict, InvalidInput } from "../../schema/Errors.ts"
import type { Principal } from "../../schema/access/Principal.ts"

export interface Call {
  readonly principal: Principal
  /**
   * Derived from the caller's idempotency key, so that retries have the same id. Absent when the caller gave no key.
   */
  readonly requestId?: string | undefined
  readonly fingerprint?: string | undefined
}

/** A call that changes nothing, so that it has no key. */
export const reading: Effect.Effect<Call, never, CurrentPrincipal> = Effect.map(CurrentPrincipal, (principal) => ({
  principal
}))

export const optionsOf = ({ fingerprint, requestId }: Call): CallOptions => ({ requestId, fingerprint })

type OfWrites = IdempotencyConflict | InvalidInput

/**
 * Removes the errors of writes: a read has no key that could conflict, and writes nothing that the store could refuse.
 */
export const asRead = <A, E, R>(effect: Effect.Effect<A, E | OfWrites, R>): Effect.Effect<A, Exclude<E, OfWrites>, R> =>
  Effect.catch(effect, (error) =>
    error instanceof IdempotencyConflict || error instanceof InvalidInput
      ? Effect.die(error)
      : Effect.fail(error as Exclude<E, OfWrites>)
  )

/** JSON with the keys of every object sorted, so that equal requests have equal text. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part
  ) ?? ""

/**
 * Claims the key for this request before the command is executed; a key of another request is refused. A key generated
 * by the typed client is not claimed, because it is random, and the actor compares its payload anyway.
 */
export const keyed = Effect.fnUntraced(function* (
  principal: Principal,
  key: string | undefined,
  request: () => string
) {
  if (key === undefined) return { principal } satisfies Call
  const owner = ownerOf(principal)
  const fingerprint = sha256Hex(request())
  if (!key.startsWith(drawnKeyPrefix)) {
    const claims = yield* IdempotencyStore
    yield* claims.claim(owner, key, fingerprint)
  }
  return { principal, requestId: `key-${sha256Hex(`${owner}\n${key}`).slice(0, 40)}`, fingerprint } satisfies Call
})
