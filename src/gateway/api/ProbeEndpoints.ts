/**
 * The endpoints that are no operations, because only REST has them: probes for load balancers, which need no key and
 * answer 503 with the same body, and metrics, which are a text for collectors.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiSchema } from "effect/http-api"
import { systemRead } from "../../rpc/operations/System.ts"
import { endpoint, publicEndpoint } from "./HttpAuthentication.ts"
import type { RestEndpoint } from "./OperationEndpoints.ts"
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

const metrics = HttpApiEndpoint.get("metrics", "/metrics", {
  success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" })),
  error: readProblems
}).annotateMerge(endpoint(systemRead, "Get metrics", "Prometheus text; also at `/metrics` for collectors."))

const health = HttpApiEndpoint.get("health", "/health", {
  success: [Health, NotReady],
  error: failures
}).annotateMerge(
  publicEndpoint(
    "Get health",
    "Asks the database, the feed, the fleet, and each runner by a call that it must serve. 503 when calls would fail."
  )
)

const live = HttpApiEndpoint.get("live", "/live", { success: Health, error: failures }).annotateMerge(
  publicEndpoint("Is the process alive", "Answers without asking anyone.")
)

const ready = HttpApiEndpoint.get("ready", "/ready", {
  success: [Health, NotReady],
  error: failures
}).annotateMerge(publicEndpoint("Is the gateway ready", "503 until the database and the cluster answer."))

/** Those that need a key, and those that anyone may ask. In the contract they are endpoints like all others. */
export const keyedProbes = [metrics] as unknown as readonly [RestEndpoint]
export const openProbes = [health, live, ready] as unknown as readonly [RestEndpoint, RestEndpoint, RestEndpoint]
