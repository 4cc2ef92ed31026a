/** The REST contract. It is mounted at `/api/v1`, and at `/api` as an alias, from this one definition. */
import type { Schema } from "effect"
import { HttpApi, HttpApiGroup, OpenApi } from "effect/http-api"
import { operations } from "../../rpc/Catalog.ts"
import type { NounName } from "../../rpc/operations/Operations.ts"
import { PublicEvent } from "../../rpc/PublicEvents.ts"
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

type Group = { readonly [N in NounName]: ReturnType<typeof groupOf<N>> }[NounName]

/**
 * The group of a noun; of `system`, with the probes. The open ones have no middleware. Its group has the type of the
 * others, so that all are handled alike.
 */
const withProbes = (noun: NounName): Group =>
  noun === "system"
    ? (groupOf(noun, ...keyedProbes).add(...openProbes) as unknown as ReturnType<typeof groupOf<"system">>)
    : (groupOf(noun) as Group)

/** There is at least one. */
const groups = (Object.keys(operations) as ReadonlyArray<NounName>).map(withProbes) as unknown as readonly [
  Group,
  ...ReadonlyArray<Group>
]

export class Api extends HttpApi.make("clawster")
  .add(...groups)
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
