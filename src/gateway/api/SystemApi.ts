import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { RunnerList, ShardList } from "../../schema/Cluster.ts"
import { Principal } from "../../schema/Principal.ts"
import { Authenticate, Authorise, endpoint, publicEndpoint } from "./HttpAuthentication.ts"
import { problems, readProblems } from "./Problem.ts"

export const Check = Schema.Struct({
  ok: Schema.Boolean,
  /** The finding, as text for an operator. */
  detail: Schema.optionalKey(Schema.String),
  /** What the operator can do about it. */
  remedy: Schema.optionalKey(Schema.String),
  /** Unix milliseconds at which this gateway first saw the check fail. */
  since: Schema.optionalKey(Schema.Finite),
  millis: Schema.Finite
}).annotate({ identifier: "HealthCheck" })
export type Check = typeof Check.Type

/** `degraded`: calls are served, but at least one check fails. `down`: calls would fail. */
export const Health = Schema.Struct({
  status: Schema.Literals(["ok", "degraded", "down"]),
  checks: Schema.Record(Schema.String, Check)
}).annotate({ identifier: "Health" })
export type Health = typeof Health.Type

const NotReady = Health.annotate({ identifier: "NotReady", httpApiStatus: 503 })
const failures = [problems.InvalidInput.schema, problems.InternalError.schema]

const me = HttpApiEndpoint.get("me", "/me", {
  success: Principal.annotate({ identifier: "Principal", description: "Whose key this is." }),
  error: readProblems
}).annotateMerge(endpoint("self:read", "Get the caller", "The key's id, role and tenant, as the server sees them."))

const metrics = HttpApiEndpoint.get("metrics", "/metrics", {
  success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" })),
  error: readProblems
}).annotateMerge(endpoint("system:read", "Get metrics", "Prometheus text; also at `/metrics` for collectors."))

const runners = HttpApiEndpoint.get("runners", "/runners", { success: RunnerList, error: readProblems }).annotateMerge(
  endpoint(
    "system:read",
    "List runners",
    "Each with its lease, its shards, what it holds of its machine, and why it does not serve."
  )
)

const shards = HttpApiEndpoint.get("shards", "/shards", { success: ShardList, error: readProblems }).annotateMerge(
  endpoint("system:read", "List shards", "By placement and owner. Without `owner`: those that no live runner owns.")
)

const health = HttpApiEndpoint.get("health", "/health", { success: [Health, NotReady], error: failures }).annotateMerge(
  publicEndpoint(
    "Get health",
    "Asks the database, the feed, the fleet, and each runner by a call that it must serve. 503 when calls would fail."
  )
)

const live = HttpApiEndpoint.get("live", "/live", { success: Health, error: failures }).annotateMerge(
  publicEndpoint("Is the process alive", "Answers without asking anyone.")
)

const ready = HttpApiEndpoint.get("ready", "/ready", { success: [Health, NotReady], error: failures }).annotateMerge(
  publicEndpoint("Is the gateway ready", "503 until the database and the cluster answer.")
)

export class SystemApi extends HttpApiGroup.make("system")
  .add(me, metrics, runners, shards)
  .middleware(Authorise)
  .middleware(Authenticate)
  .add(health, live, ready)
  .annotateMerge(OpenApi.annotations({ title: "System", description: "The caller, health and metrics." })) {}
