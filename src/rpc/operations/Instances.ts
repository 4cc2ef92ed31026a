/** Instances: OpenClaw gateways and their life. */
import { Schema } from "effect"
import { InstanceId } from "../../schema/Ids.ts"
import { InstanceStatus } from "../../schema/Instance.ts"
import { within } from "../../schema/text/Bounds.ts"
import { action } from "../Authentication.ts"
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
} from "../Requests.ts"
import { list, page } from "./Fields.ts"
import { ask, change, noun, read } from "./Operation.ts"

const may = { read: action("instance:read", "tenant"), write: action("instance:write", "operator") }

const Instance = InstanceStatus.annotate({
  identifier: "Instance",
  description: "An OpenClaw gateway as Clawster sees it."
})
const instance = { instanceId: InstanceId }

export const Instances = noun("Instances", "OpenClaw gateways and their life.", {
  /** Success: the instance is started, and started again after each failover, until it is stopped. */
  register: change("RegisterInstance", {
    action: may.write,
    summary: "Register an instance",
    description: "Starts the gateway, or connects to one that runs. Registering the same again changes nothing.",
    payload: InstanceRegistration.fields,
    success: Instance,
    rest: { method: "POST", path: "/instances", status: 201, body: InstanceRegistration },
    cli: "instance register"
  }),
  list: read("ListInstances", {
    action: may.read,
    summary: "List instances",
    description: "A tenant sees those that are dedicated to it. All that is asked for must hold.",
    payload: { ...list, ...instanceFilter },
    success: page(Instance, "InstancePage"),
    rest: { method: "GET", path: "/instances" },
    cli: "instance list"
  }),
  get: read("GetInstance", {
    action: may.read,
    summary: "Get an instance",
    description: "As it is now; as last seen when its runner does not answer.",
    payload: instance,
    success: Instance,
    rest: { method: "GET", path: "/instances/:instanceId" },
    cli: "instance get"
  }),
  update: change("UpdateInstance", {
    action: may.write,
    summary: "Change an instance",
    description:
      "What is left out stays as it is, and so do runs, sessions and history. `changed` says what holds now and what from the gateway's next start on: caps and labels hold at once, another address or token by connecting anew, limits and configuration from the next start. Driver, placement and tenancy cannot be changed.",
    payload: { ...instance, update: UpdateInstance },
    success: UpdatedInstance,
    rest: { method: "PUT", path: "/instances/:instanceId", bodyField: "update" },
    cli: "instance update"
  }),
  health: read("InstanceHealth", {
    action: may.read,
    summary: "Get an instance's health",
    description: "And why it is not healthy, in words.",
    payload: instance,
    success: InstanceHealthReport,
    rest: { method: "GET", path: "/instances/:instanceId/health" },
    cli: "instance health"
  }),
  load: read("InstanceLoad", {
    action: may.read,
    summary: "Get an instance's load",
    description: "What runs on it and what it may take.",
    payload: instance,
    success: InstanceLoadReport,
    rest: { method: "GET", path: "/instances/:instanceId/load" }
  }),
  logs: ask("InstanceLogs", {
    action: may.read,
    summary: "Get an instance's last log lines",
    description: "Oldest first, read where it runs. Narrowed by time, level or text it searches the last 10,000.",
    payload: { ...instance, ...logFilter, limit: within(1, 10_000).annotate({ description: "Lines." }) },
    success: InstanceLogs,
    rest: { method: "GET", path: "/instances/:instanceId/logs", absent: { limit: 200 } },
    cli: "instance logs"
  }),
  metrics: ask("InstanceMetrics", {
    action: may.read,
    summary: "Get an instance's process metrics",
    description: "Measured now, where it runs.",
    payload: instance,
    success: InstanceMetrics,
    rest: { method: "GET", path: "/instances/:instanceId/metrics" },
    cli: "instance metrics"
  }),
  start: change("StartInstance", {
    action: may.write,
    summary: "Start an instance",
    description: "Forgives what failed before. One that runs stays as it is.",
    payload: instance,
    success: Instance,
    rest: { method: "POST", path: "/instances/:instanceId/start", status: 202 },
    cli: "instance start"
  }),
  stop: change("StopInstance", {
    action: may.write,
    summary: "Stop an instance",
    description: "Aborts what still runs after the grace time.",
    payload: { ...instance, ...StopInstance.fields },
    success: Instance,
    rest: { method: "POST", path: "/instances/:instanceId/stop", status: 202, body: StopInstance },
    cli: "instance stop"
  }),
  drain: change("DrainInstance", {
    action: may.write,
    summary: "Drain an instance",
    description: "It takes no new work; what runs may end until the deadline.",
    payload: { ...instance, ...DrainInstance.fields },
    success: Instance,
    rest: { method: "POST", path: "/instances/:instanceId/drain", status: 202, body: DrainInstance },
    cli: "instance drain"
  }),
  deregister: change("DeregisterInstance", {
    action: may.write,
    summary: "Deregister an instance",
    description: "Stops it and forgets it.",
    payload: {
      ...instance,
      force: Schema.optionalKey(Schema.Boolean.annotate({ description: "Also while work runs." }))
    },
    success: Instance,
    rest: { method: "DELETE", path: "/instances/:instanceId", status: 202 },
    cli: "instance deregister"
  })
})
