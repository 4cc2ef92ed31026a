/** The Instance actor: the life, health, slots and breaker of one OpenClaw gateway. */
import { Schema } from "effect"
import { Conflict, NotFound } from "../schema/Errors.ts"
import { InstanceSpec, InstanceStatus } from "../schema/Instance.ts"
import { QueueMode } from "../schema/Session.ts"
import { command, protocol } from "../actor/Protocol.ts"
import { Attempt, AttemptOrigin } from "./AttemptRpcs.ts"
import { UpdatedInstance, UpdateInstance } from "./Requests.ts"

/** Registers the instance and starts it (remote: connects to it). Registering the same spec again changes nothing. */
export const Register = command("Register", {
  payload: { spec: InstanceSpec },
  success: InstanceStatus,
  error: Conflict
})
/**
 * Changes the spec in place; what is left out stays as it is. Work that runs, sessions and history stay. `Conflict`: it
 * names what cannot be changed, and nothing was.
 */
export const Update = command("Update", {
  payload: { update: UpdateInstance },
  success: UpdatedInstance,
  error: Schema.Union([NotFound, Conflict])
})
export const Start = command("Start", { success: InstanceStatus, error: Schema.Union([NotFound, Conflict]) })
/** Aborts what runs after `graceMillis`, then stops the gateway. */
export const Stop = command("Stop", {
  payload: { graceMillis: Schema.Int },
  success: InstanceStatus,
  error: Schema.Union([NotFound, Conflict])
})
/** Takes no new work; what runs may end until `deadlineMillis`, then it is aborted. */
export const Drain = command("Drain", {
  payload: { deadlineMillis: Schema.Int },
  success: InstanceStatus,
  error: Schema.Union([NotFound, Conflict])
})
/** Stops it and forgets it. Refused while work runs, unless forced. */
export const Deregister = command("Deregister", {
  payload: { force: Schema.Boolean },
  success: InstanceStatus,
  error: Schema.Union([NotFound, Conflict])
})
export const InstanceGet = command("InstanceGet", { success: InstanceStatus, error: NotFound })

/** Answered at once; `AttemptEnded` or `AttemptRefused` goes to the attempt's origin. */
export const Execute = command("Execute", { payload: { attempt: Attempt } })
/**
 * Ends an attempt that runs here; its origin gets `AttemptEnded` with `aborted`. Nothing happens when it is unknown.
 * Name the origin: run keys are unique only within it.
 */
export const AbortAttempt = command("AbortAttempt", {
  payload: { runKey: Schema.NonEmptyString, origin: Schema.optionalKey(AttemptOrigin) }
})
/**
 * A message into the running turn of a session (steer, interrupt, collect). `runKey` is the message's own. The origin
 * gets `AttemptEnded` with that key when the gateway has the message, `AttemptRefused` when no turn runs any more.
 */
export const Steer = command("Steer", {
  payload: {
    sessionKey: Schema.NonEmptyString,
    runKey: Schema.NonEmptyString,
    message: Schema.String,
    queueMode: QueueMode,
    origin: Schema.optionalKey(AttemptOrigin)
  },
  error: Schema.Union([NotFound, Conflict])
})

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
  Steer
)
