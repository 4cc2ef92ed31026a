/** Moves a session to another instance by command. */
import type { DecideContext, Decision } from "../../actor/Actor.ts"
import { answer, refuse } from "../../actor/Actor.ts"
import { Conflict, type NotFound } from "../../schema/Errors.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import type { SessionStatus } from "../../schema/Session.ts"
import type { SessionState } from "./SessionState.ts"
import { statusOf } from "./SessionView.ts"
import { over, unknownSession } from "./TurnCommands.ts"
import { about, draft } from "./SessionDraft.ts"

/**
 * The next turn that starts goes to `instanceId`, or, without one, to any instance other than the current one. A
 * running turn ends where it is. The history so far stays at the old gateway. Fails with `NotFound` when the session
 * does not exist, and with `Conflict` when it is closing or closed, or is already at `instanceId`.
 */
export const move = (
  state: SessionState,
  { instanceId }: { readonly instanceId?: InstanceId },
  { now }: DecideContext
): Decision<SessionEvent, SessionStatus, NotFound | Conflict> => {
  const { assignment, created, phase, sessionId } = state
  if (created === undefined) return unknownSession(state)
  if (phase === "closing" || phase === "closed") return over(state)
  if (assignment !== undefined && assignment.instanceId === instanceId) {
    return refuse(new Conflict({ message: `session ${sessionId} is at ${instanceId} already`, state: phase }))
  }
  if (assignment === undefined && instanceId === undefined) return answer(statusOf(state))
  const change = draft(state)
  change.emit({
    _tag: "session.move_asked",
    ...about(state),
    ...(assignment === undefined ? {} : { from: assignment.instanceId }),
    ...(instanceId === undefined ? {} : { to: instanceId }),
    at: now
  })
  return change.accept(statusOf(change.state))
}
