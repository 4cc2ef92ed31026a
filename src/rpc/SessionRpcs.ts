/** The Session actor: the order of one conversation's turns, and its affinity to an instance. */
import { Schema } from "effect"
import { Conflict, NotFound, Overloaded } from "../schema/Errors.ts"
import { InstanceId } from "../schema/Ids.ts"
import { QueueMode, SessionStatus, TurnStatus } from "../schema/Session.ts"
import { RoutingHints } from "../schema/Task.ts"
import { command, protocol } from "../actor/Protocol.ts"
import { AttemptEnded, AttemptRefused, AttemptWaits } from "./AttemptRpcs.ts"
import { TurnAsked, TurnReturned } from "./TurnRpcs.ts"

/** Creating the same session again returns it unchanged. Other hints or another label fail with `Conflict`. */
export const SessionCreate = command("SessionCreate", {
  payload: { hints: RoutingHints, label: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200))) },
  success: SessionStatus,
  error: Conflict
})
/**
 * Queues a turn behind the turns accepted before it. Answered when the turn is durable, not when it has run. At most
 * 1,000 turns wait.
 */
export const TurnSend = command("TurnSend", {
  payload: {
    turnId: Schema.NonEmptyString,
    message: Schema.NonEmptyString.check(Schema.isMaxLength(200_000)),
    timeoutMillis: Schema.Int,
    traceparent: Schema.optionalKey(Schema.String)
  },
  success: TurnStatus,
  error: Schema.Union([NotFound, Conflict, Overloaded])
})
export const TurnGet = command("TurnGet", {
  payload: { turnId: Schema.NonEmptyString },
  success: TurnStatus,
  error: NotFound
})
/**
 * A message for the running turn: `steer` adds it to the turn, `interrupt` aborts the turn and runs the message next,
 * `collect` and `followup` run it afterwards. When no turn is running, the message becomes an ordinary turn.
 */
export const SessionSteer = command("SessionSteer", {
  payload: { turnId: Schema.NonEmptyString, message: Schema.NonEmptyString, queueMode: QueueMode },
  success: TurnStatus,
  error: Schema.Union([NotFound, Conflict, Overloaded])
})
/** Aborts the running turn; with `queued` also the waiting turns. */
export const SessionAbort = command("SessionAbort", {
  payload: { queued: Schema.Boolean },
  success: SessionStatus,
  error: NotFound
})
/** Ends the session: aborts the waiting and the running turns, then closes the session permanently. */
export const SessionTerminate = command("SessionTerminate", { success: SessionStatus, error: NotFound })
/**
 * The next turn starts on the given instance, or on any other than the current one when none is given. The conversation
 * so far stays at the old gateway.
 */
export const SessionMove = command("SessionMove", {
  payload: { instanceId: Schema.optionalKey(InstanceId) },
  success: SessionStatus,
  error: Schema.Union([NotFound, Conflict])
})
export const SessionGet = command("SessionGet", { success: SessionStatus, error: NotFound })

export const SessionRpcs = protocol(
  SessionCreate,
  TurnSend,
  TurnGet,
  SessionSteer,
  SessionAbort,
  SessionTerminate,
  SessionMove,
  SessionGet,
  AttemptEnded,
  AttemptRefused,
  AttemptWaits,
  TurnAsked,
  TurnReturned
)
