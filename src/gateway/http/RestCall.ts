/**
 * The caller of a REST request, and the request that its idempotency key belongs to: method, path, query and body. The
 * path does not include the prefix, so both prefixes give the same request.
 */
import { Context, Effect, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { CurrentPrincipal, idempotencyKeyHeader } from "../../rpc/Authentication.ts"
import { type ActorUnavailable, type IdempotencyConflict, InvalidInput } from "../../schema/Errors.ts"
import { type Call, canonicalJson, keyed, reading } from "../service/RequestContext.ts"

export interface Keyed {
  readonly request: HttpServerRequest.HttpServerRequest
  /** Absent on an endpoint without headers. */
  readonly headers?: { readonly [idempotencyKeyHeader]?: string }
}

/** The time that the caller waits is not part of the request. */
const withoutWait = (url: string): string => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  searchParams.delete("wait")
  searchParams.sort()
  return `${pathname}?${searchParams.toString()}`
}

const unreadable = new InvalidInput({
  message: "the body is not as documented",
  faults: [{ path: "body", expected: "JSON, or nothing where no body is documented" }]
})

/**
 * An endpoint without payload decodes no body, so this may be the first to read it. A body that is nested too deeply to
 * be written again is refused like one that is not JSON.
 */
const canonicalBody = (text: string): Effect.Effect<string, InvalidInput> =>
  text === ""
    ? Effect.succeed("null")
    : Effect.try({ try: () => canonicalJson(JSON.parse(text)), catch: () => unreadable })

export class RestCall extends Context.Service<
  RestCall,
  {
    readonly reading: Effect.Effect<Call, never, CurrentPrincipal>
    readonly changing: (
      request: Keyed
    ) => Effect.Effect<Call, InvalidInput | IdempotencyConflict | ActorUnavailable, CurrentPrincipal>
  }
>()("clawster/gateway/RestCall") {
  static readonly layer = Layer.effect(
    RestCall,
    Effect.map(IdempotencyStore, (store) =>
      RestCall.of({
        reading,
        changing: Effect.fnUntraced(
          function* ({ headers, request }: Keyed) {
            const principal = yield* CurrentPrincipal
            const key = headers?.[idempotencyKeyHeader]
            if (key === undefined) return { principal }
            const body = yield* canonicalBody(yield* Effect.orDie(request.text))
            return yield* keyed(principal, key, () => `${request.method} ${withoutWait(request.url)} ${body}`)
          },
          Effect.provideService(IdempotencyStore, store)
        )
      })
    )
  )
}
