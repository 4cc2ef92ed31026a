/**
 * One OpenClaw gateway as Clawster sees it: its requested configuration (spec), its current state (status) and its
 * load.
 */
import { Schema } from "effect"
import { bounds, nonEmptyText, text, within } from "./text/Bounds.ts"
import { InstanceId, Placement, TenantId } from "./Ids.ts"
import { Secret, SecretJson } from "./Secret.ts"
import { RecentFailures } from "./instance/RecentFailures.ts"
import { Supervision } from "./instance/Supervision.ts"

export const DriverKind = Schema.Literals(["process", "remote", "simulated"])
export type DriverKind = typeof DriverKind.Type

/**
 * Lifecycle phase of an instance (requirements 1.3). `provisioning`, `warming` and `draining` are transient and have a
 * deadline.
 */
export const InstancePhase = Schema.Literals([
  "provisioning",
  "warming",
  "warm",
  "claimed",
  "draining",
  "hibernated",
  "stopped",
  "destroyed",
  "failed"
])
export type InstancePhase = typeof InstancePhase.Type

export const InstanceHealth = Schema.Literals(["healthy", "degraded", "unhealthy", "unknown"])
export type InstanceHealth = typeof InstanceHealth.Type

export const Occupancy = Schema.Literals(["warming", "warm", "claimed", "releasing", "destroyed"])
export type Occupancy = typeof Occupancy.Type

/** `shared` accepts work of every tenant, `dedicated` only that tenant's (C35). */
export const Tenancy = Schema.Union([
  Schema.TaggedStruct("shared", {}),
  Schema.TaggedStruct("dedicated", { tenantId: TenantId })
])
export type Tenancy = typeof Tenancy.Type

const label = Schema.NonEmptyString.check(Schema.isMaxLength(128))
const positive = Schema.Int.check(Schema.isGreaterThan(0))

export const ResourceLimits = Schema.Struct({
  maxMemoryMB: Schema.optionalKey(positive),
  maxCpuCores: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
  maxDiskGB: Schema.optionalKey(positive)
})
export type ResourceLimits = typeof ResourceLimits.Type

/** Address and token of a gateway that Clawster did not start. */
export const RemoteEndpoint = Schema.Struct({
  url: Schema.String.check(Schema.isPattern(/^wss?:\/\/[^\s/]+/u, { expected: "a ws:// or wss:// URL" })),
  token: Secret(Schema.NonEmptyString)
})
export type RemoteEndpoint = typeof RemoteEndpoint.Type

/**
 * Limits that a registration may contain. They are stricter than `ResourceLimits`, because stored values were accepted
 * under the limits of their time.
 */
export const RegisteredLimits = Schema.Struct({
  maxMemoryMB: Schema.optionalKey(within(1, 16_777_216)),
  maxCpuCores: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(4_096))),
  maxDiskGB: Schema.optionalKey(within(1, 1_048_576))
})

export const RegisteredEndpoint = Schema.Struct({
  url: text(bounds.url).check(Schema.isPattern(/^wss?:\/\/[^\s/]+/u, { expected: "a ws:// or wss:// URL" })),
  token: nonEmptyText(bounds.token)
})

export const InstanceSpec = Schema.Struct({
  instanceId: InstanceId,
  driver: DriverKind,
  placement: Placement,
  region: Schema.optionalKey(label),
  tenancy: Tenancy,
  capabilities: Schema.Array(label),
  /** Empty means any model. */
  allowedModels: Schema.Array(label),
  enabledChannels: Schema.Array(label),
  maxConcurrentTasks: positive,
  maxConcurrentSessions: positive,
  maxAgents: positive,
  resourceLimits: ResourceLimits,
  supervision: Schema.optionalKey(Supervision),
  /** Only for driver `remote`. */
  endpoint: Schema.optionalKey(RemoteEndpoint),
  /**
   * Only for driver `process`: merged over the lean gateway configuration that Clawster writes. It may have the keys of
   * model providers.
   */
  gatewayConfig: Schema.optionalKey(SecretJson)
})
export type InstanceSpec = typeof InstanceSpec.Type

/** A spec, and the registration of the instance id that it belongs to. */
export type RegisteredSpec = InstanceSpec & { readonly registration?: string }

/** Load of one instance as last observed (R062, R089). */
export const InstanceLoad = Schema.Struct({
  runningTasks: Schema.Int,
  activeSessions: Schema.Int,
  queuedTasks: Schema.Int,
  /** From 0 to 1. */
  cpu: Schema.optionalKey(Schema.Finite),
  memoryBytes: Schema.optionalKey(Schema.Finite),
  /** Mean latency of the recent turns, used for routing. */
  latencyMillis: Schema.optionalKey(Schema.Finite)
})
export type InstanceLoad = typeof InstanceLoad.Type

export const BreakerState = Schema.Literals(["closed", "open", "half_open"])
export type BreakerState = typeof BreakerState.Type

/** The public view of an instance. It never contains a token. */
export const InstanceStatus = Schema.Struct({
  instanceId: InstanceId,
  driver: DriverKind,
  placement: Placement,
  region: Schema.optionalKey(label),
  tenancy: Tenancy,
  capabilities: Schema.Array(label),
  allowedModels: Schema.Array(label),
  maxConcurrentTasks: positive,
  maxConcurrentSessions: positive,
  phase: InstancePhase,
  health: InstanceHealth,
  occupancy: Occupancy,
  breaker: BreakerState,
  load: InstanceLoad,
  /** Failures of recent runs, which routing counts as load. Absent when there are none. */
  recentFailures: Schema.optionalKey(RecentFailures),
  /** Why the instance is not healthy, as text for an operator. */
  reason: Schema.optionalKey(Schema.String),
  /** `ws://` address of the gateway, without its token. */
  url: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
  bootId: Schema.optionalKey(Schema.String),
  /**
   * Milliseconds after which the gateway has certainly ended by itself once no runner keeps it. Absent when nothing
   * ends it, as for a remote one.
   */
  lifelineMillis: Schema.optionalKey(Schema.Finite),
  restarts: Schema.Int,
  registeredAt: Schema.Finite,
  /** Identifies this registration of the instance id. Files on the host belong to exactly one registration. */
  registration: Schema.optionalKey(Schema.String),
  /** Unix milliseconds since which the gateway has been up under its current boot id, as far as observed. */
  readyAt: Schema.optionalKey(Schema.Finite),
  supervision: Schema.optionalKey(Supervision),
  /** Set only when a single instance is read. */
  uptimeMillis: Schema.optionalKey(Schema.Finite),
  lastHeartbeatAt: Schema.optionalKey(Schema.Finite),
  /** How many it may run of the deployment's cap on what runs at once. Absent without such a cap. */
  share: Schema.optionalKey(Schema.Int),
  /** Tasks start there on slots that the instance grants. Absent until every registered runner knows of slots. */
  grantsSlots: Schema.optionalKey(Schema.Boolean)
})
export type InstanceStatus = typeof InstanceStatus.Type
