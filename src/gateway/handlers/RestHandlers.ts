/**
 * Handlers of the REST endpoints, derived from the table of operations: the caller, its idempotency key, its use case.
 */
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { Api } from "../api/Api.ts"
import { type OperationEndpoint, operationEndpoints } from "../api/OperationEndpoints.ts"
import { payloadOf, type Received } from "../api/RequestParts.ts"
import type { CurrentPrincipal } from "../../rpc/Authentication.ts"
import { operations } from "../../rpc/Catalog.ts"
import type { NounName } from "../../rpc/operations/Operations.ts"
import { Health, healthResponse } from "../Health.ts"
import { answer } from "../http/Respond.ts"
import { type Keyed, RestCall } from "../http/RestCall.ts"
import { resultResponse } from "../http/ResultResponse.ts"
import { useCases } from "./UseCaseTable.ts"

type Handler = (request: Received & Keyed) => Effect.Effect<unknown, never, CurrentPrincipal>
type Named = readonly [id: string, handler: Handler]

const handlerOf = Effect.gen(function* () {
  const { changing, reading } = yield* RestCall
  const use = yield* useCases
  return ({ endpoint, id, noun, operation, verb }: OperationEndpoint): Named => [
    id,
    (request) => {
      const payload = payloadOf(endpoint, request)
      const call = operation.kind === "change" ? changing(request) : reading
      return answer(
        Effect.flatMap(call, (call) =>
          endpoint.text === undefined
            ? use.effect(noun, verb)(call, payload)
            : Effect.flatMap(use.wholeResult(noun)(call, payload), resultResponse)
        )
      )
    }
  ]
})

/** Of the endpoints that are no operations. */
const probeHandlers = Effect.map(Health, ({ health, live, ready }): ReadonlyArray<Named> => [
  ["metrics", () => PrometheusMetrics.format()],
  ["health", () => Effect.map(health, healthResponse)],
  ["live", () => Effect.map(live, healthResponse)],
  ["ready", () => Effect.map(ready, healthResponse)]
])

const handlersOf = Effect.fnUntraced(function* (noun: NounName) {
  const handler = yield* handlerOf
  const own = operationEndpoints.filter((entry) => entry.noun === noun).map(handler)
  return Object.fromEntries([...own, ...(noun === "system" ? yield* probeHandlers : [])])
})

const group = (noun: NounName) =>
  HttpApiBuilder.group(
    Api,
    noun,
    Effect.fnUntraced(function* (handlers) {
      return handlers.handleAll(yield* handlersOf(noun))
    })
  )

const groups = (Object.keys(operations) as ReadonlyArray<NounName>).map(group)

export const RestHandlers = groups.reduce((all, one) => Layer.merge(all, one))
