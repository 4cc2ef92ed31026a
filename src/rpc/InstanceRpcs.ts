/** The Instance actor: lifecycle, health, slots and circuit breaker of one OpenClaw gateway. */
import { Schema } from "effect"
import { ClusterSchema } from "effect/cluster"
import { Conflict, NotFound } from "../schema/Errors.ts"
import { parseInstanceEntityId } from "../schema/Ids.ts"
import { InstanceSpec, InstanceStatus } from "../schema/Instance.ts"
import { QueueMode } from "../schema/Session.ts"
import { command, protocol } from "../actor/Protocol.ts"
import { ActorRef } from "../schema/ActorRef.ts"
import { Attempt } from "../schema/runs/Attempt.ts"
import { UpdatedInstance, UpdateInstance } from "./Requests.ts"
import { SlotsAsked, SlotsReturned } from "./slots/SlotRpcs.ts"
import { HolderPresent, StartAttempt, StopAttempt } from "./slots/SlotRunRpcs.ts"

/**
 * Registers the instance and starts it (driver `remote`: connects to it). Registering the same spec again changes
 * nothing.
 */
export const Register = command("Register", {
  payload: { spec: InstanceSpec },
  success: InstanceStatus,
  error: Conflict
})
/**
 * Changes the spec in place. Absent fields keep their value; running work, sessions and history are kept. `Conflict`
 * names the fields that cannot be changed; then nothing was changed.
 */
export const Update = command("Update", {
  payload: { update: UpdateInstance },
  success: UpdatedInstance,
  error: Schema.Union([NotFound, Conflict])
})
export const Start = command("Start", { success: InstanceStatus, error: Schema.Union([NotFound, Conflict]) })
/** Aborts the running work after `graceMillis`, then stops the gateway. */
export const Stop = command("Stop", {
  payload: { graceMillis: Schema.Int },
  success: InstanceStatus,
  error: Schema.Union([NotFound, Conflict])
})
/** Accepts no new work. Running work may finish until `deadlineMillis`, then it is aborted. */
export const Drain = command("Drain", {
  payload: { deadlineMillis: Schema.Int },
  success: InstanceStatus,
  error: Schema.Union([NotFound, Conflict])
})
/** Stops the gateway and removes the instance. Refused while work runs, unless forced. */
export const Deregister = command("Deregister", {
  payload: { force: Schema.Boolean },
  success: InstanceStatus,
  error: Schema.Union([NotFound, Conflict])
})
export const InstanceGet = command("InstanceGet", { success: InstanceStatus, error: NotFound })

/**
 * Answered immediately. `AttemptEnded` or `AttemptRefused` is sent to the attempt's origin later. The attempt takes a
 * slot that nobody holds.
 */
export const Execute = command("Execute", { payload: { attempt: Attempt } })
/**
 * Aborts an attempt that runs here; its origin receives `AttemptEnded` with `aborted`. An unknown attempt is ignored.
 * Set `origin`, because run keys are unique only within their origin.
 */
export const AbortAttempt = command("AbortAttempt", {
  payload: { runKey: Schema.NonEmptyString, origin: Schema.optionalKey(ActorRef) }
})
/**
 * Sends a message to the running turn of a session (steer, interrupt, collect). `runKey` identifies the message. The
 * origin receives `AttemptEnded` with that key once the gateway has the message, or `AttemptRefused` when no turn is
 * running any more.
 */
export const Steer = command("Steer", {
  payload: {
    sessionKey: Schema.NonEmptyString,
    runKey: Schema.NonEmptyString,
    message: Schema.String,
    queueMode: QueueMode,
    origin: Schema.optionalKey(ActorRef)
  },
  error: Schema.Union([NotFound, Conflict])
})

/** The actor runs on a runner of the placement (region or host) in its entity id. */
export const InstanceRpcs = protocol(
  Register,
  Update,
  Start,
  Stop,
  Drain,
  Deregister,
  InstanceGet,
  Execute,
  AbortAttempt,
  Steer,
  SlotsAsked,
  SlotsReturned,
  StartAttempt,
  StopAttempt,
  HolderPresent
).annotate(ClusterSchema.ShardGroup, (entityId) => parseInstanceEntityId(entityId).placement)
