/** The Session actor: the order of one conversation's turns and its affinity to an instance. */
import { Schema } from "effect"
import { Conflict, NotFound, Overloaded } from "../schema/Errors.ts"
import { InstanceId } from "../schema/Ids.ts"
import { QueueMode, SessionStatus, TurnStatus } from "../schema/Session.ts"
import { RoutingHints } from "../schema/Task.ts"
import { command, protocol } from "../actor/Protocol.ts"
import { AttemptEnded, AttemptRefused } from "./AttemptRpcs.ts"

/** Creating the same session again returns it unchanged; with other hints or another label it is a conflict. */
export const SessionCreate = command("SessionCreate", {
  payload: { hints: RoutingHints, label: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200))) },
  success: SessionStatus,
  error: Conflict
})
/**
 * Queues a turn behind those accepted before it. Answered when it is durable, not when it has run. At most 1,000 wait.
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
 * A message for the running turn: `steer` joins it, `interrupt` aborts it and runs this next, `collect` and `followup`
 * run it after. With no turn running it becomes an ordinary turn.
 */
export const SessionSteer = command("SessionSteer", {
  payload: { turnId: Schema.NonEmptyString, message: Schema.NonEmptyString, queueMode: QueueMode },
  success: TurnStatus,
  error: Schema.Union([NotFound, Conflict, Overloaded])
})
/** Aborts the running turn; with `queued`, the waiting ones too. */
export const SessionAbort = command("SessionAbort", {
  payload: { queued: Schema.Boolean },
  success: SessionStatus,
  error: NotFound
})
/** Ends the session: waiting turns are aborted, the running one too, then it is closed for good. */
export const SessionTerminate = command("SessionTerminate", { success: SessionStatus, error: NotFound })
/**
 * The next turn that starts goes to that instance, or to any other than the present one. What was said so far stays at
 * the old gateway.
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
  AttemptRefused
)
