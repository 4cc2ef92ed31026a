/**
 * The messages about turns between a Session, which grants them, and the lanes whose tasks run in it. A granted turn
 * is a lease: the lane runs one of its tasks on it, at the instance where the session lives, and returns it with the
 * end of that attempt. `ask` numbers what a lane asks for, so that a message about an earlier ask is known as such.
 */
import { Schema } from "effect"
import { command } from "../actor/Protocol.ts"
import { InstanceId, LaneName, Placement, SessionId } from "../schema/Ids.ts"
import { TurnUse } from "../schema/runs/TurnUse.ts"
import { RoutingHints } from "../schema/Task.ts"

const ask = Schema.Int
const ofLane = { lane: LaneName, ask }
const ofSession = { sessionId: SessionId, ask }

/** To the Session, which is created when it does not exist: a turn for one task. Repeated, it changes nothing. */
export const TurnAsked = command("TurnAsked", {
  payload: {
    ...ofLane,
    /** The longest attempt that the lane may run on the turn. */
    timeoutMillis: Schema.Int,
    /** Where the task may run. They count as long as the session has no history anywhere. */
    hints: RoutingHints
  }
})
/** To the Session: nothing runs on the turn any more, or the lane does without it. */
export const TurnReturned = command("TurnReturned", { payload: { ...ofLane, use: TurnUse } })

/** To the Lane: it has the session's turn, for an attempt on this instance. */
export const TurnGranted = command("TurnGranted", {
  payload: {
    ...ofSession,
    instanceId: InstanceId,
    placement: Placement,
    because: Schema.String,
    /** Unix milliseconds at which the session goes on without the turn: what the lane starts on it is over by then. */
    deadlineAt: Schema.Finite
  }
})
/** To the Lane: the ask is void. It may ask again after that time; never when the session is `over`. */
export const TurnDenied = command("TurnDenied", {
  payload: {
    ...ofSession,
    reason: Schema.String,
    retryAfterMillis: Schema.Int,
    over: Schema.optionalKey(Schema.Boolean)
  }
})
/** To the Lane: what runs on the turn is to be aborted. */
export const TurnRecalled = command("TurnRecalled", { payload: { ...ofSession, reason: Schema.String } })
