/**
 * One OpenClaw gateway as Clawster sees it: what was asked for (spec), what it is (status), how loaded it is (load).
 */
import { Schema } from "effect"
import { bounds, nonEmptyText, text, within } from "./text/Bounds.ts"
import { InstanceId, Placement, TenantId } from "./Ids.ts"
import { Supervision } from "./Supervision.ts"

export const DriverKind = Schema.Literals(["process", "remote", "simulated"])
export type DriverKind = typeof DriverKind.Type

/**
 * Life of an instance (requirements 1.3). `provisioning`, `warming` and `draining` wait for something and have a
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

/** `shared` takes anyone's work, `dedicated` only that tenant's (C35). */
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

/** Where a gateway that Clawster did not start is reached. */
export const RemoteEndpoint = Schema.Struct({
  url: Schema.String.check(Schema.isPattern(/^wss?:\/\/[^\s/]+/u, { expected: "a ws:// or wss:// URL" })),
  token: Schema.NonEmptyString
})
export type RemoteEndpoint = typeof RemoteEndpoint.Type

/** As they may be registered: what is stored has the bounds of its time. */
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
  /** Empty: any model. */
  allowedModels: Schema.Array(label),
  enabledChannels: Schema.Array(label),
  maxConcurrentTasks: positive,
  maxConcurrentSessions: positive,
  maxAgents: positive,
  resourceLimits: ResourceLimits,
  supervision: Schema.optionalKey(Supervision),
  /** Remote driver only. */
  endpoint: Schema.optionalKey(RemoteEndpoint),
  /** Process driver: merged over the lean gateway config that Clawster writes. */
  gatewayConfig: Schema.optionalKey(Schema.Json)
})
export type InstanceSpec = typeof InstanceSpec.Type

/** A spec, and the registration of its id that it belongs to. */
export type RegisteredSpec = InstanceSpec & { readonly registration?: string }

/** Load of one instance as last seen (R062, R089). */
export const InstanceLoad = Schema.Struct({
  runningTasks: Schema.Int,
  activeSessions: Schema.Int,
  queuedTasks: Schema.Int,
  /** 0 to 1. */
  cpu: Schema.optionalKey(Schema.Finite),
  memoryBytes: Schema.optionalKey(Schema.Finite),
  /** Mean of the recent turns, for routing. */
  latencyMillis: Schema.optionalKey(Schema.Finite)
})
export type InstanceLoad = typeof InstanceLoad.Type

export const BreakerState = Schema.Literals(["closed", "open", "half_open"])
export type BreakerState = typeof BreakerState.Type

/** The public face of an instance. Never carries a token. */
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
  /** Why the instance is not healthy, in words for an operator. */
  reason: Schema.optionalKey(Schema.String),
  /** `ws://` address of the gateway, without its token. */
  url: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
  bootId: Schema.optionalKey(Schema.String),
  restarts: Schema.Int,
  registeredAt: Schema.Finite,
  /** Names this registration of the id. The files that its host keeps belong to it alone. */
  registration: Schema.optionalKey(Schema.String),
  /** Since when it has been up under its present boot, as far as was seen. */
  readyAt: Schema.optionalKey(Schema.Finite),
  supervision: Schema.optionalKey(Supervision),
  /** Filled where one instance is asked for. */
  uptimeMillis: Schema.optionalKey(Schema.Finite),
  lastHeartbeatAt: Schema.optionalKey(Schema.Finite)
})
export type InstanceStatus = typeof InstanceStatus.Type
