/** The REST contract. It is mounted at `/api/v1`, and at `/api` as an alias, from this one definition. */
import type { Schema } from "effect"
import { HttpApi, HttpApiGroup, OpenApi } from "effect/http-api"
import { type NounName, operations } from "../../rpc/operations/Operations.ts"
import { PublicEvent } from "../../schema/events/Events.ts"
import { Authenticate, Authorise } from "./HttpAuthentication.ts"
import { endpointsOf, type RestEndpoint } from "./OperationEndpoints.ts"
import { keyedProbes, openProbes } from "./ProbeEndpoints.ts"

export const apiPrefix = "/api/v1"
export const aliasPrefix = "/api"

const description = `Work for a fleet of OpenClaw gateways.

Every change may carry an \`Idempotency-Key\`: repeated, it gives the same answer and happens once. Every failure is a problem document whose \`code\`
is stable. Every list says the feed position at which it is true: follow \`/events?cursor=<position>\` (WebSocket) from there without a gap. What it
sends is the schema \`Event\`. Unknown fields are refused. Bodies have at most 1 MiB, bulk submits 8 MiB.`

const groupOf = <const N extends NounName>(noun: N, ...more: ReadonlyArray<RestEndpoint>) => {
  const { description, title } = operations[noun]
  return HttpApiGroup.make(noun)
    .add(...endpointsOf(noun), ...more)
    .middleware(Authorise)
    .middleware(Authenticate)
    .annotateMerge(OpenApi.annotations({ title, description }))
}

/** The open endpoints have no middleware. The group has the type of the others, so that all are handled alike. */
const system = groupOf("system", ...keyedProbes).add(...openProbes) as unknown as ReturnType<typeof groupOf<"system">>

export class Api extends HttpApi.make("clawster")
  .add(
    groupOf("tasks"),
    groupOf("instances"),
    groupOf("sessions"),
    groupOf("lanes"),
    groupOf("keys"),
    groupOf("messages"),
    system
  )
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error", errors: "all" })
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error", errors: "all" })
  .annotate(HttpApi.AdditionalSchemas, [PublicEvent as unknown as Schema.Top])
  .annotateMerge(
    OpenApi.annotations({
      title: "Clawster",
      version: "1.0.0",
      description,
      license: { name: "MIT", url: "https://opensource.org/license/mit" }
    })
  ) {}

/** The contract with the prefix that clients use. */
export const ServedApi = Api.prefix(apiPrefix)
