import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { CurrentPrincipal } from "../../rpc/Authentication.ts"
import { ClusterReads } from "../../ports/ClusterReads.ts"
import { answer } from "../http/Respond.ts"
import { Api } from "../api/Api.ts"
import { Health, healthResponse } from "../Health.ts"

export const SystemHandlers = HttpApiBuilder.group(
  Api,
  "system",
  Effect.fnUntraced(function* (handlers) {
    const { health, live, ready } = yield* Health
    const cluster = yield* ClusterReads
    return handlers.handleAll({
      runners: () => answer(Effect.map(cluster.runners, (items) => ({ items }))),
      shards: () => answer(Effect.map(cluster.shards, (items) => ({ items }))),
      me: () => CurrentPrincipal,
      metrics: () => PrometheusMetrics.format(),
      health: () => Effect.map(health, healthResponse),
      live: () => Effect.map(live, healthResponse),
      ready: () => Effect.map(ready, healthResponse)
    })
  })
)
