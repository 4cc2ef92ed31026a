/** The caller of an RPC, and the request that its idempotency key is bound to: tag and payload. */
import { Effect, Schema } from "effect"
import type { Headers } from "effect/http"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { CurrentPrincipal, idempotencyKeyHeader } from "../../rpc/Authentication.ts"
import { type ActorUnavailable, type IdempotencyConflict, InvalidInput } from "../../schema/Errors.ts"
import { IdempotencyKey } from "../../schema/Ids.ts"
import { type Call, canonicalJson, keyed, reading } from "../service/RequestContext.ts"

export interface Incoming {
  readonly headers: Headers.Headers
}

export interface RpcCall {
  readonly reading: Effect.Effect<Call, never, CurrentPrincipal>
  readonly changing: (
    tag: string,
    payload: unknown,
    incoming: Incoming
  ) => Effect.Effect<Call, InvalidInput | IdempotencyConflict | ActorUnavailable, CurrentPrincipal>
}

export const rpcCall = Effect.map(IdempotencyStore, (store): RpcCall => ({
  reading,
  changing: Effect.fnUntraced(
    function* (tag, payload, { headers }) {
      const principal = yield* CurrentPrincipal
      const key = headers[idempotencyKeyHeader]
      if (key !== undefined && !isKey(key)) return yield* badKey
      return yield* keyed(principal, key, () => `${tag} ${canonicalJson(payload)}`)
    },
    Effect.provideService(IdempotencyStore, store)
  )
}))

const isKey = Schema.is(IdempotencyKey)

const badKey = new InvalidInput({
  message: "the idempotency key is not as documented",
  faults: [{ path: idempotencyKeyHeader, expected: "1 to 255 visible ASCII characters" }]
})
