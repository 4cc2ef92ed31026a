/** The REST contract. It is mounted at `/api/v1`, and at `/api` as an alias, from this one definition. */
import type { Schema } from "effect"
import { HttpApi, OpenApi } from "effect/http-api"
import { PublicEvent } from "../../schema/events/Events.ts"
import { InstancesApi } from "./InstancesApi.ts"
import { KeysApi } from "./KeysApi.ts"
import { LanesApi } from "./LanesApi.ts"
import { SessionsApi } from "./SessionsApi.ts"
import { SystemApi } from "./SystemApi.ts"
import { TasksApi } from "./TasksApi.ts"

export const apiPrefix = "/api/v1"
export const aliasPrefix = "/api"

const description = `Work for a fleet of OpenClaw gateways.

Every change may carry an \`Idempotency-Key\`: repeated, it gives the same answer and happens once. Every failure is a problem document whose \`code\`
is stable. Every list says the feed position at which it is true: follow \`/events?cursor=<position>\` (WebSocket) from there without a gap. What it
sends is the schema \`Event\`. Unknown fields are refused. Bodies have at most 1 MiB, bulk submits 8 MiB.`

export class Api extends HttpApi.make("clawster")
  .add(TasksApi, InstancesApi, SessionsApi, LanesApi, KeysApi, SystemApi)
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
