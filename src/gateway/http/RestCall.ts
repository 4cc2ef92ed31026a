/**
 * The caller of a REST request, and the request that its idempotency key belongs to: method, path, query and body. The
 * path does not include the prefix, so both prefixes give the same request.
 */
import { Context, Effect, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { CurrentPrincipal, idempotencyKeyHeader } from "../../rpc/Authentication.ts"
import type { ActorUnavailable, IdempotencyConflict } from "../../schema/Errors.ts"
import { type Call, canonicalJson, keyed } from "../service/RequestContext.ts"

interface Keyed {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly headers: { readonly [idempotencyKeyHeader]?: string }
}

/** The time that the caller waits is not part of the request. */
const withoutWait = (url: string): string => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  searchParams.delete("wait")
  searchParams.sort()
  return `${pathname}?${searchParams.toString()}`
}

export class RestCall extends Context.Service<
  RestCall,
  {
    readonly reading: Effect.Effect<Call, never, CurrentPrincipal>
    readonly changing: (request: Keyed) => Effect.Effect<Call, IdempotencyConflict | ActorUnavailable, CurrentPrincipal>
  }
>()("clawster/gateway/RestCall") {
  static readonly layer = Layer.effect(
    RestCall,
    Effect.map(IdempotencyStore, (store) =>
      RestCall.of({
        reading: Effect.map(CurrentPrincipal, (principal) => ({ principal })),
        changing: Effect.fnUntraced(
          function* ({ headers, request }: Keyed) {
            const principal = yield* CurrentPrincipal
            const key = headers[idempotencyKeyHeader]
            if (key === undefined) return { principal }
            const text = yield* Effect.orDie(request.text)
            const body = text === "" ? null : (JSON.parse(text) as unknown)
            return yield* keyed(
              principal,
              key,
              () => `${request.method} ${withoutWait(request.url)} ${canonicalJson(body)}`
            )
          },
          Effect.provideService(IdempotencyStore, store)
        )
      })
    )
  )
}
