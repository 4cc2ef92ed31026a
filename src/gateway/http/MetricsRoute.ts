/**
 * `GET /metrics` at the root. Without a key it shows only public metrics (PublicMetrics.ts); with the key of an
 * operator or administrator (`Authorization: Bearer`) it shows all. A request with an invalid key or a tenant's key is
 * refused instead of being shown only the public metrics.
 */
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { Authenticator } from "../../auth/Authenticator.ts"
import { permits } from "../../auth/Policy.ts"
import * as PublicMetrics from "../../observability/metrics/PublicMetrics.ts"
import { systemRead } from "../../rpc/operations/System.ts"
import { Forbidden } from "../../schema/Errors.ts"
import { errorResponse } from "./Respond.ts"

const make = Effect.map(Authenticator, (authenticator) =>
  Effect.gen(function* () {
    const header = (yield* HttpServerRequest.HttpServerRequest).headers["authorization"]
    if (header === undefined) return yield* PublicMetrics.format
    const principal = yield* authenticator.authenticateHeader(header)
    if (!permits(principal, systemRead)) {
      const required = systemRead.role
      return yield* new Forbidden({ message: `metrics need a key of role ${required}, or none`, required })
    }
    return yield* PrometheusMetrics.format()
  }).pipe(
    Effect.map((text) => HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })),
    Effect.catch((error) => Effect.succeed(errorResponse(error)))
  )
)

export const layer = HttpRouter.use((router) =>
  Effect.flatMap(make, (handler) => router.add("GET", "/metrics", handler))
)
