/** One call of a principal, and how its idempotency key becomes the request id that makes its command happen once. */
import { Effect } from "effect"
import type { CallOptions } from "../../actor/ActorClient.ts"
import { sha256Hex } from "../../auth/DigestNode.ts"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { ownerOf } from "../../auth/Policy.ts"
import { drawnKeyPrefix } from "../../rpc/Authentication.ts"
import { IdempotencyConflict, InvalidInput } from "../../schema/Errors.ts"
import type { Principal } from "../../schema/Principal.ts"

export interface Call {
  readonly principal: Principal
  /** From the caller's idempotency key: the same for its repetitions. Absent: the caller gave none. */
  readonly requestId?: string | undefined
  readonly fingerprint?: string | undefined
}

export const optionsOf = ({ fingerprint, requestId }: Call): CallOptions => ({ requestId, fingerprint })

type OfWrites = IdempotencyConflict | InvalidInput

/** A read has no key that could conflict, and writes nothing that the store could refuse. */
export const asRead = <A, E, R>(effect: Effect.Effect<A, E | OfWrites, R>): Effect.Effect<A, Exclude<E, OfWrites>, R> =>
  Effect.catch(effect, (error) =>
    error instanceof IdempotencyConflict || error instanceof InvalidInput
      ? Effect.die(error)
      : Effect.fail(error as Exclude<E, OfWrites>)
  )

/** JSON with the keys of every object in order, so that the same request has the same text. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part
  ) ?? ""

/**
 * Claims the key for this request before anything is done under it; a key that stood for another request is refused. A
 * key that the typed client drew is not claimed: it is random, and the actor compares its payload all the same.
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
