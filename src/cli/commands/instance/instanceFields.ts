import type { InstanceStatus } from "../../../schema/Instance.ts"
import { bytes, colourOf, showFields, span, time } from "../../Print.ts"
import type { Field } from "../../TextTable.ts"

export const tenancyOf = ({ tenancy }: InstanceStatus): string =>
  tenancy._tag === "shared" ? "shared" : tenancy.tenantId

export const entries = (instance: InstanceStatus): ReadonlyArray<Field> => [
  ["instance", instance.instanceId],
  ["health", instance.health, colourOf(instance.health)],
  ["reason", instance.reason],
  ["phase", instance.phase, colourOf(instance.phase)],
  ["occupancy", instance.occupancy],
  ["breaker", instance.breaker, instance.breaker === "closed" ? undefined : "red"],
  ["driver", instance.driver],
  ["placement", instance.placement],
  ["region", instance.region],
  ["tenancy", tenancyOf(instance)],
  ["capabilities", instance.capabilities.join(", ")],
  ["models", instance.allowedModels.join(", ") || "any"],
  ["tasks", `${instance.load.runningTasks} of ${instance.maxConcurrentTasks}`],
  ["share", instance.share === undefined ? undefined : `${instance.share} of the deployment's cap`],
  ["sessions", `${instance.load.activeSessions} of ${instance.maxConcurrentSessions}`],
  ["latency", span(instance.load.latencyMillis)],
  ["memory", bytes(instance.load.memoryBytes)],
  ["url", instance.url],
  ["version", instance.version],
  ["up", span(instance.uptimeMillis)],
  ["restarts", instance.restarts],
  ["registered", time(instance.registeredAt)],
  ["last heartbeat", time(instance.lastHeartbeatAt)]
]

export const showInstance = (instance: InstanceStatus) => showFields(instance, entries)
