/** Requests of clients, the same over REST and RPC. The edge fills in defaults for absent fields. */
import { Schema } from "effect"
import { SubmitOutcome } from "./LaneRpcs.ts"
import { bounds, document, instant, list, nonEmptyText, text, within } from "../schema/text/Bounds.ts"
import { InstanceId, LaneName, Placement, SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import {
  BreakerState,
  DriverKind,
  InstanceHealth,
  InstanceLoad,
  InstancePhase,
  InstanceStatus,
  RegisteredEndpoint,
  RegisteredLimits,
  Tenancy
} from "../schema/Instance.ts"
import { Backpressure, LaneConfig } from "../schema/Lane.ts"
import { QueueMode } from "../schema/Session.ts"
import { Supervision } from "../schema/instance/Supervision.ts"
import { SubmittedHints, TaskPhase, TaskStatus, TaskSubmission } from "../schema/Task.ts"

const label = nonEmptyText(bounds.label)
const labels = list(label, bounds.labels)
const reason = text(bounds.reason)

/** Maximum number of tasks in one call. */
export const bulkMost = 1_000
/** Maximum number of phases in one filter. There are fewer phases, but one may be named twice. */
export const phasesMost = 16
/** Longest time in milliseconds that a call may wait for an end. */
export const waitMost = 60_000

export const WaitMillis = within(0, waitMost).annotate({
  description: "How long the call may wait, in milliseconds. When it is over, the answer is the status as it is then."
})

export const TurnId = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]*$/u, { expected: "letters, digits, dot, underscore and hyphen" }),
  Schema.isMaxLength(128)
)

/** All tasks must belong to one tenant and one lane: they are accepted in one commit, or none is. */
export const SubmitTasks = Schema.Struct({
  tasks: Schema.Array(TaskSubmission).check(Schema.isMinLength(1), Schema.isMaxLength(bulkMost))
}).annotate({ identifier: "SubmitTasks" })
export type SubmitTasks = typeof SubmitTasks.Type

/** `task` is present when the call waited for the task. */
export const SubmitReceipt = Schema.Struct({
  ...SubmitOutcome.fields,
  task: Schema.optionalKey(TaskStatus)
}).annotate({ identifier: "SubmitReceipt" })
export type SubmitReceipt = typeof SubmitReceipt.Type

export const SubmitReceipts = Schema.Struct({ tasks: Schema.Array(SubmitOutcome) }).annotate({
  identifier: "SubmitReceipts"
})
export type SubmitReceipts = typeof SubmitReceipts.Type

export const CancelTask = Schema.Struct({
  tenantId: Schema.optionalKey(TenantId),
  reason: Schema.optionalKey(reason)
}).annotate({ identifier: "CancelTask" })
export type CancelTask = typeof CancelTask.Type

/**
 * `running`: the instance has been asked to abort the task. `pending`: the task's row is being looked up, and the task
 * is then cancelled.
 */
export const CancelledTask = Schema.Struct({ taskId: TaskId, phase: TaskPhase }).annotate({
  identifier: "CancelledTask"
})
export type CancelledTask = typeof CancelledTask.Type

/** Sends one command to the lane, or without `lane` one to each lane of the tenant. */
export const CancelTasks = Schema.Struct({
  tenantId: Schema.optionalKey(TenantId),
  lane: Schema.optionalKey(LaneName),
  phases: list(Schema.Literals(["pending", "scheduled", "retrying", "running"]), phasesMost).check(
    Schema.isMinLength(1)
  ),
  limit: Schema.optionalKey(within(1, 1_000))
}).annotate({ identifier: "CancelTasks" })
export type CancelTasks = typeof CancelTasks.Type

/** Call again until `remaining` is 0. */
export const CancelledTasks = Schema.Struct({ cancelled: Schema.Int, remaining: Schema.Int }).annotate({
  identifier: "CancelledTasks"
})
export type CancelledTasks = typeof CancelledTasks.Type

/** Without `taskIds`, replays the oldest 1,000 dead letters of the lane, or of each lane of the tenant. */
export const ReplayTasks = Schema.Struct({
  tenantId: Schema.optionalKey(TenantId),
  lane: Schema.optionalKey(LaneName),
  taskIds: Schema.optionalKey(Schema.Array(TaskId).check(Schema.isMinLength(1), Schema.isMaxLength(bulkMost)))
}).annotate({ identifier: "ReplayTasks" })
export type ReplayTasks = typeof ReplayTasks.Type

/**
 * `remaining` is the number of dead letters left when the request named none. Call again with another idempotency key
 * until it is 0.
 */
export const ReplayedTasks = Schema.Struct({
  replayed: Schema.Array(TaskId),
  remaining: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "ReplayedTasks" })
export type ReplayedTasks = typeof ReplayedTasks.Type

const count = (most: number) => within(1, most)

export const InstanceRegistration = Schema.Struct({
  instanceId: Schema.optionalKey(InstanceId),
  driver: DriverKind,
  /** Absent: a host for a `process` instance, the region's placement when runners serve it, else `default`. */
  placement: Schema.optionalKey(Placement),
  region: Schema.optionalKey(label),
  tenancy: Schema.optionalKey(Tenancy),
  capabilities: Schema.optionalKey(labels),
  allowedModels: Schema.optionalKey(labels),
  enabledChannels: Schema.optionalKey(labels),
  maxConcurrentTasks: Schema.optionalKey(count(10_000)),
  maxConcurrentSessions: Schema.optionalKey(count(100_000)),
  maxAgents: Schema.optionalKey(count(10_000)),
  resourceLimits: Schema.optionalKey(RegisteredLimits),
  supervision: Schema.optionalKey(Supervision),
  endpoint: Schema.optionalKey(RegisteredEndpoint),
  gatewayConfig: Schema.optionalKey(document)
}).annotate({ identifier: "InstanceRegistration" })
export type InstanceRegistration = typeof InstanceRegistration.Type

/** An absent field keeps its value. */
const EndpointUpdate = Schema.Struct({
  url: Schema.optionalKey(
    text(bounds.url).check(Schema.isPattern(/^wss?:\/\/[^\s/]+/u, { expected: "a ws:// or wss:// URL" }))
  ),
  token: Schema.optionalKey(nonEmptyText(bounds.token))
})

/**
 * Absent fields keep their value. `driver`, `placement` and `tenancy` cannot be changed, but their current values may
 * be repeated. `null` removes a region, a configuration or a supervision.
 */
export const UpdateInstance = Schema.Struct({
  driver: Schema.optionalKey(DriverKind),
  placement: Schema.optionalKey(Placement),
  tenancy: Schema.optionalKey(Tenancy),
  region: Schema.optionalKey(Schema.NullOr(label)),
  capabilities: Schema.optionalKey(labels),
  allowedModels: Schema.optionalKey(labels),
  enabledChannels: Schema.optionalKey(labels),
  maxConcurrentTasks: Schema.optionalKey(count(10_000)),
  maxConcurrentSessions: Schema.optionalKey(count(100_000)),
  maxAgents: Schema.optionalKey(count(10_000)),
  resourceLimits: Schema.optionalKey(RegisteredLimits),
  supervision: Schema.optionalKey(Schema.NullOr(Supervision)),
  endpoint: Schema.optionalKey(EndpointUpdate),
  gatewayConfig: Schema.optionalKey(document)
}).annotate({ identifier: "UpdateInstance" })
export type UpdateInstance = typeof UpdateInstance.Type

/** `now`: the change is already in effect. `restart`: the change takes effect at the gateway's next start. */
export const ChangedField = Schema.Struct({
  field: Schema.String,
  takesEffect: Schema.Literals(["now", "restart"])
})
export type ChangedField = typeof ChangedField.Type

/** `changed` is empty when all fields already had these values. */
export const UpdatedInstance = Schema.Struct({
  ...InstanceStatus.fields,
  changed: Schema.Array(ChangedField)
}).annotate({ identifier: "UpdatedInstance" })
export type UpdatedInstance = typeof UpdatedInstance.Type

/** The health is also `unknown` when the instance's runner does not answer. */
export const InstanceHealthReport = Schema.Struct({
  instanceId: InstanceId,
  health: InstanceHealth,
  phase: InstancePhase,
  breaker: BreakerState,
  reason: Schema.optionalKey(Schema.String),
  lastHeartbeatAt: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "InstanceHealth" })
export type InstanceHealthReport = typeof InstanceHealthReport.Type

export const InstanceLoadReport = Schema.Struct({
  instanceId: InstanceId,
  load: InstanceLoad,
  maxConcurrentTasks: Schema.Int,
  maxConcurrentSessions: Schema.Int
}).annotate({ identifier: "InstanceLoad" })
export type InstanceLoadReport = typeof InstanceLoadReport.Type

export const LogLevelName = Schema.Literals(["debug", "info", "warn", "error"])
export type LogLevelName = typeof LogLevelName.Type

/**
 * Filter of log lines: of the last 10,000 lines (and at most the last 4 MiB), those for which all given conditions
 * hold.
 */
export const logFilter = {
  since: Schema.optionalKey(instant.annotate({ description: "Unix milliseconds, included." })),
  level: Schema.optionalKey(LogLevelName.annotate({ description: "This one and worse." })),
  search: Schema.optionalKey(nonEmptyText(bounds.label).annotate({ description: "Text that a line has, in any case." }))
}

/** Filter of instance lists: instances for which all given conditions hold. */
export const instanceFilter = {
  health: Schema.optionalKey(InstanceHealth),
  phase: Schema.optionalKey(InstancePhase),
  driver: Schema.optionalKey(DriverKind),
  placement: Schema.optionalKey(Placement),
  capability: Schema.optionalKey(label)
}

/** The last lines, oldest first. */
export const InstanceLogs = Schema.Struct({ instanceId: InstanceId, lines: Schema.Array(Schema.String) }).annotate({
  identifier: "InstanceLogs"
})
export type InstanceLogs = typeof InstanceLogs.Type

export const InstanceMetrics = Schema.Struct({
  instanceId: InstanceId,
  rssBytes: Schema.optionalKey(Schema.Finite),
  /** From 0 to 1 of one core. */
  cpu: Schema.optionalKey(Schema.Finite),
  uptimeMillis: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "InstanceMetrics" })
export type InstanceMetrics = typeof InstanceMetrics.Type

const grace = within(0, 86_400_000)

export const StopInstance = Schema.Struct({ graceMillis: Schema.optionalKey(grace) }).annotate({
  identifier: "StopInstance"
})
export const DrainInstance = Schema.Struct({ deadlineMillis: Schema.optionalKey(grace) }).annotate({
  identifier: "DrainInstance"
})

export const CreateSession = Schema.Struct({
  sessionId: Schema.optionalKey(SessionId),
  tenantId: Schema.optionalKey(TenantId),
  hints: Schema.optionalKey(SubmittedHints),
  label: Schema.optionalKey(text(bounds.name))
}).annotate({ identifier: "CreateSession" })
export type CreateSession = typeof CreateSession.Type

const message = nonEmptyText(bounds.message)

export const SendTurn = Schema.Struct({
  turnId: Schema.optionalKey(TurnId),
  message,
  timeoutMillis: Schema.optionalKey(within(1_000, 86_400_000))
}).annotate({ identifier: "SendTurn" })
export type SendTurn = typeof SendTurn.Type

export const SteerSession = Schema.Struct({
  turnId: Schema.optionalKey(TurnId),
  message,
  queueMode: Schema.optionalKey(QueueMode)
}).annotate({ identifier: "SteerSession" })
export type SteerSession = typeof SteerSession.Type

/** `queued`: also abort the waiting turns. */
export const AbortSession = Schema.Struct({ queued: Schema.optionalKey(Schema.Boolean) }).annotate({
  identifier: "AbortSession"
})
export type AbortSession = typeof AbortSession.Type

/** Absent: any instance other than the current one. */
export const MoveSession = Schema.Struct({ instanceId: Schema.optionalKey(InstanceId) }).annotate({
  identifier: "MoveSession"
})
export type MoveSession = typeof MoveSession.Type

/** Absent fields keep their value. `ratePerSecond: null` removes the rate limit. */
export const ConfigureLane = Schema.Struct({
  concurrency: Schema.optionalKey(LaneConfig.fields.concurrency),
  ratePerSecond: Schema.optionalKey(Schema.NullOr(count(1_000_000))),
  capacity: Schema.optionalKey(LaneConfig.fields.capacity),
  backpressure: Schema.optionalKey(Backpressure),
  ageingMillis: Schema.optionalKey(LaneConfig.fields.ageingMillis),
  paused: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "ConfigureLane" })
export type ConfigureLane = typeof ConfigureLane.Type
