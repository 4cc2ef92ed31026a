/**
 * Events that an Instance actor stores and the feed shows. `tenantId` is set when one tenant may see the event: for an
 * instance dedicated to it, and for every run. `secret` never leaves the store; `internal_` events are not shown.
 */
import { Schema } from "effect"
import { ActorRef } from "../ActorRef.ts"
import { Attempt } from "../runs/Attempt.ts"
import { InstanceId, Placement, SessionId, TaskId, TenantId } from "../Ids.ts"
import { DriverKind, InstanceLoad, InstanceSpec } from "../Instance.ts"
import { QueueMode } from "../Session.ts"
import { TaskError, Usage } from "../Task.ts"

const about = { instanceId: InstanceId, tenantId: Schema.optionalKey(TenantId) }
const runOf = {
  instanceId: InstanceId,
  tenantId: TenantId,
  taskId: Schema.optionalKey(TaskId),
  sessionId: Schema.optionalKey(SessionId),
  turnId: Schema.optionalKey(Schema.String),
  runKey: Schema.String
}
const at = Schema.Finite

/** The goal of a drain: each stops the gateway, and `deregister` also removes the instance. */
export const StopGoal = Schema.Literals(["drain", "stop", "deregister"])
export type StopGoal = typeof StopGoal.Type

/**
 * How a finished run counts for the circuit breaker. `neutral`: neither the gateway nor its provider caused the
 * failure.
 */
export const Verdict = Schema.Literals(["success", "failure", "neutral"])
export type Verdict = typeof Verdict.Type

/**
 * `asked`: the owner cancelled the run. `stopping`: the instance is stopping, and the work may run elsewhere.
 * `timeout`: the timeout of the run expired and the gateway had not ended it.
 */
export const AbortCause = Schema.Literals(["asked", "stopping", "timeout"])
export type AbortCause = typeof AbortCause.Type

/** A message in flight to a running turn. */
export const Steering = Schema.Struct({
  steerKey: Schema.String,
  message: Schema.String,
  queueMode: QueueMode,
  origin: Schema.optionalKey(ActorRef),
  epoch: Schema.Int
})
export type Steering = typeof Steering.Type

/** What the end of a run says of the gateway. */
export const RunEnd = Schema.Struct({
  status: Schema.Literals(["completed", "failed", "aborted", "refused"]),
  durationMillis: Schema.Finite,
  error: Schema.optionalKey(TaskError),
  verdict: Verdict
})
export type RunEnd = typeof RunEnd.Type

const SlotCounts = Schema.Array(Schema.Struct({ key: Schema.String, count: Schema.Int }))

const progress = { ...runOf, text: Schema.optionalKey(Schema.String), tool: Schema.optionalKey(Schema.String) }
const ProgressKind = Schema.Literals(["text", "tool_started", "tool_ended", "tool_failed"])

export const InstanceEvent = Schema.Union([
  Schema.TaggedStruct("instance.registered", {
    ...about,
    driver: DriverKind,
    placement: Placement,
    region: Schema.optionalKey(Schema.String),
    capabilities: Schema.Array(Schema.String),
    at,
    /** Identifies this registration of the instance id. Absent in events that older versions wrote. */
    registration: Schema.optionalKey(Schema.String),
    secret: Schema.Struct({ spec: InstanceSpec })
  }),
  /** The spec was changed in place; running work continues. `changed` names the fields. */
  Schema.TaggedStruct("instance.updated", {
    ...about,
    changed: Schema.Array(Schema.String),
    at,
    secret: Schema.Struct({ spec: InstanceSpec })
  }),
  Schema.TaggedStruct("instance.starting", {
    ...about,
    start: Schema.Int,
    /** A gateway that is still running is stopped first. */
    fresh: Schema.Boolean,
    /** The start was requested by an operator: earlier failures no longer count. */
    reset: Schema.Boolean,
    deadlineAt: at
  }),
  Schema.TaggedStruct("instance.internal_started", {
    ...about,
    url: Schema.String,
    incarnation: Schema.String,
    adopted: Schema.Boolean,
    lifelineMillis: Schema.optionalKey(Schema.Finite),
    deadlineAt: at
  }),
  Schema.TaggedStruct("instance.ready", { ...about, version: Schema.String, bootId: Schema.String, at }),
  Schema.TaggedStruct("instance.healthy", about),
  Schema.TaggedStruct("instance.degraded", { ...about, reason: Schema.String }),
  Schema.TaggedStruct("instance.unhealthy", { ...about, reason: Schema.String }),
  Schema.TaggedStruct("instance.internal_restart_planned", {
    ...about,
    restartAt: at,
    fresh: Schema.Boolean,
    recent: Schema.Array(at)
  }),
  Schema.TaggedStruct("instance.draining", { ...about, goal: StopGoal, aborting: Schema.Boolean, deadlineAt: at }),
  Schema.TaggedStruct("instance.stopping", { ...about, goal: StopGoal, deadlineAt: at }),
  Schema.TaggedStruct("instance.stopped", { ...about, reason: Schema.String }),
  Schema.TaggedStruct("instance.failed", { ...about, reason: Schema.String }),
  Schema.TaggedStruct("instance.deregistered", about),
  /**
   * The driver has removed everything it stored for the instance. If it could not, `left` says why, and the removal is
   * retried later.
   */
  Schema.TaggedStruct("instance.internal_erased", { ...about, left: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("instance.internal_heartbeat", {
    ...about,
    load: InstanceLoad,
    /** Attempts that run on slots of their origins. */
    onSlots: Schema.optionalKey(Schema.Int),
    at
  }),
  /** How attempts on slots of their origins ended: those that say something of the gateway. */
  Schema.TaggedStruct("instance.internal_attempts_ended", { ...about, ends: Schema.Array(RunEnd), at }),
  /** Every registered runner reads the events of slots, so from now on work starts here on slots that are granted. */
  Schema.TaggedStruct("instance.internal_slots_opened", about),
  /** The instance's share of the deployment's cap on what runs at once; none without such a cap. */
  Schema.TaggedStruct("instance.internal_share_set", { ...about, share: Schema.optionalKey(Schema.Int) }),
  /** What a holder of slots asks for. It replaces what it asked before. */
  Schema.TaggedStruct("instance.internal_slots_asked", {
    ...about,
    ask: Schema.Struct({
      holder: ActorRef,
      tenantId: TenantId,
      want: Schema.Int,
      rank: Schema.NullOr(Schema.Finite)
    }),
    at
  }),
  /** `key` is the holder's entity type and id. */
  Schema.TaggedStruct("instance.internal_slots_granted", { ...about, grants: SlotCounts, at }),
  Schema.TaggedStruct("instance.internal_slots_returned", {
    ...about,
    holder: ActorRef,
    count: Schema.Int,
    want: Schema.Int,
    at
  }),
  /** How many slots each of these holders is to give back from now on. */
  Schema.TaggedStruct("instance.internal_slots_recalled", { ...about, recalls: SlotCounts }),
  /** The weights of tenants that hold or want slots, where they differ from what was counted with. */
  /** What tenants have had was counted, to see who is to give a slot back by now. */
  Schema.TaggedStruct("instance.internal_slots_counted", { ...about, at }),
  Schema.TaggedStruct("instance.internal_slots_weighed", {
    ...about,
    weights: Schema.Array(Schema.Struct({ tenant: TenantId, weight: Schema.Finite })),
    at
  }),
  Schema.TaggedStruct("instance.breaker_opened", { ...about, until: at }),
  Schema.TaggedStruct("instance.breaker_half_open", about),
  Schema.TaggedStruct("instance.breaker_closed", about),
  Schema.TaggedStruct("run.accepted", {
    ...runOf,
    /** The epoch that accepted the run: only the activation of this epoch knows that nothing was sent yet. */
    epoch: Schema.Int,
    at,
    deadlineAt: at,
    onSlot: Schema.optionalKey(Schema.Boolean),
    /** The slot was granted for this run, and its end returns it. */
    ownSlot: Schema.optionalKey(Schema.Boolean),
    secret: Schema.Struct({ attempt: Attempt })
  }),
  /** The attempt waits here for a slot, at most until `until`. */
  Schema.TaggedStruct("run.internal_queued", { ...runOf, at, until: at, secret: Schema.Struct({ attempt: Attempt }) }),
  /** It waits no more, and nothing of it ran: it was aborted, or refused for this reason. */
  Schema.TaggedStruct("run.internal_unqueued", {
    runId: Schema.String,
    at,
    refusal: Schema.optionalKey(Schema.Struct({ reason: Schema.String, retryAfterMillis: Schema.Int }))
  }),
  Schema.TaggedStruct("run.internal_aborting", { runId: Schema.String, cause: AbortCause, deadlineAt: at }),
  Schema.TaggedStruct("run.internal_steered", { runId: Schema.String, secret: Schema.Struct({ steering: Steering }) }),
  Schema.TaggedStruct("run.internal_steer_ended", { runId: Schema.String, steerKey: Schema.String }),
  Schema.TaggedStruct("run.ended", {
    ...runOf,
    runId: Schema.String,
    ...RunEnd.fields,
    usage: Schema.optionalKey(Usage),
    at
  }),
  Schema.TaggedStruct("task.progress", { ...progress, kind: ProgressKind }),
  Schema.TaggedStruct("session.turn_progress", { ...progress, kind: ProgressKind })
])
export type InstanceEvent = typeof InstanceEvent.Type
export type InstanceEventOf<Tag extends InstanceEvent["_tag"]> = Extract<InstanceEvent, { readonly _tag: Tag }>
export type ProgressKind = typeof ProgressKind.Type
