import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import {
  DrainInstance,
  instanceFilter,
  InstanceHealthReport,
  InstanceLoadReport,
  InstanceLogs,
  InstanceMetrics,
  InstanceRegistration,
  logFilter,
  StopInstance,
  UpdatedInstance,
  UpdateInstance
} from "../../rpc/Requests.ts"
import { within } from "../../schema/text/Bounds.ts"
import { InstanceId } from "../../schema/Ids.ts"
import { InstanceStatus } from "../../schema/Instance.ts"
import { pageOf } from "../../schema/Page.ts"
import { keyHeader, listQuery } from "./Common.ts"
import { Authenticate, Authorise, endpoint } from "./HttpAuthentication.ts"
import { changeProblems, readProblems } from "./Problem.ts"

const Instance = InstanceStatus.annotate({
  identifier: "Instance",
  description: "An OpenClaw gateway as Clawster sees it."
})
const params = { instanceId: InstanceId }
const error = readProblems
const change = { params, headers: keyHeader, success: Instance.pipe(HttpApiSchema.status(202)), error: changeProblems }

const register = HttpApiEndpoint.post("register", "/instances", {
  headers: keyHeader,
  payload: InstanceRegistration,
  success: Instance.pipe(HttpApiSchema.status(201)),
  error: changeProblems
}).annotateMerge(
  endpoint(
    "instance:write",
    "Register an instance",
    "Starts the gateway, or connects to one that runs. Registering the same again changes nothing."
  )
)

const list = HttpApiEndpoint.get("list", "/instances", {
  query: { ...listQuery, ...instanceFilter },
  success: pageOf(Instance).annotate({ identifier: "InstancePage" }),
  error
}).annotateMerge(
  endpoint(
    "instance:read",
    "List instances",
    "A tenant sees those that are dedicated to it. All that is asked for must hold."
  )
)

const get = HttpApiEndpoint.get("get", "/instances/:instanceId", { params, success: Instance, error }).annotateMerge(
  endpoint("instance:read", "Get an instance", "As it is now; as last seen when its runner does not answer.")
)

const update = HttpApiEndpoint.put("update", "/instances/:instanceId", {
  params,
  headers: keyHeader,
  payload: UpdateInstance,
  success: UpdatedInstance,
  error: changeProblems
}).annotateMerge(
  endpoint(
    "instance:write",
    "Change an instance",
    "What is left out stays as it is, and so do runs, sessions and history. `changed` says what holds now and what from the gateway's next start on: caps and labels hold at once, another address or token by connecting anew, limits and configuration from the next start. Driver, placement and tenancy cannot be changed."
  )
)

const health = HttpApiEndpoint.get("health", "/instances/:instanceId/health", {
  params,
  success: InstanceHealthReport,
  error
}).annotateMerge(endpoint("instance:read", "Get an instance's health", "And why it is not healthy, in words."))

const load = HttpApiEndpoint.get("load", "/instances/:instanceId/load", {
  params,
  success: InstanceLoadReport,
  error
}).annotateMerge(endpoint("instance:read", "Get an instance's load", "What runs on it and what it may take."))

const logs = HttpApiEndpoint.get("logs", "/instances/:instanceId/logs", {
  params,
  query: {
    ...logFilter,
    limit: Schema.optionalKey(
      within(1, 10_000).annotate({
        description: "Lines; 200 when absent."
      })
    )
  },
  success: InstanceLogs,
  error: changeProblems
}).annotateMerge(
  endpoint(
    "instance:read",
    "Get an instance's last log lines",
    "Oldest first, read where it runs. Narrowed by time, level or text it searches the last 10,000."
  )
)

const metrics = HttpApiEndpoint.get("metrics", "/instances/:instanceId/metrics", {
  params,
  success: InstanceMetrics,
  error: changeProblems
}).annotateMerge(endpoint("instance:read", "Get an instance's process metrics", "Measured now, where it runs."))

const start = HttpApiEndpoint.post("start", "/instances/:instanceId/start", change).annotateMerge(
  endpoint("instance:write", "Start an instance", "Forgives what failed before. One that runs stays as it is.")
)

const stop = HttpApiEndpoint.post("stop", "/instances/:instanceId/stop", {
  ...change,
  payload: StopInstance
}).annotateMerge(endpoint("instance:write", "Stop an instance", "Aborts what still runs after the grace time."))

const drain = HttpApiEndpoint.post("drain", "/instances/:instanceId/drain", {
  ...change,
  payload: DrainInstance
}).annotateMerge(
  endpoint("instance:write", "Drain an instance", "It takes no new work; what runs may end until the deadline.")
)

const deregister = HttpApiEndpoint.delete("deregister", "/instances/:instanceId", {
  ...change,
  query: { force: Schema.optionalKey(Schema.Boolean.annotate({ description: "Also while work runs." })) }
}).annotateMerge(endpoint("instance:write", "Deregister an instance", "Stops it and forgets it."))

export class InstancesApi extends HttpApiGroup.make("instances")
  .add(register, list, get, update, health, load, logs, metrics, start, stop, drain, deregister)
  .middleware(Authorise)
  .middleware(Authenticate)
  .annotateMerge(OpenApi.annotations({ title: "Instances", description: "OpenClaw gateways and their life." })) {}
