/**
 * Turns of the session that lanes ask for, to run a task on each. They have their place in the session's queue, by when
 * they were asked for, and go through its placement as its own turns do. What runs on a granted one is the lane's: the
 * lane returns the turn with the end of the attempt, and retries on a turn that it asks for anew.
 */
import { answer, type DecideContext, type Decision } from "../../../actor/Actor.ts"
import type { SessionEvent } from "../../../schema/events/SessionEvents.ts"
import type { TurnUse } from "../../../schema/runs/TurnUse.ts"
import { about, draft } from "../SessionDraft.ts"
import { queuedTurns } from "../SessionPolicy.ts"
import { laneTurnId, type LaneTurn, type SessionState } from "../SessionState.ts"
import { advance, onRefused } from "../TurnTransitions.ts"
import { type Asked, denyAborted, end, isOver, overNow, refuse } from "./LaneTurn.ts"

type Quiet = Decision<SessionEvent, void, never>

const knows = ({ head, queue }: SessionState, turnId: string): boolean =>
  head?.turn.turnId === turnId || queue.some((turn) => turn.turnId === turnId)

/** Queues the turn. A session that was not created is, so that its tasks have one home and one order. */
export const turnAsked = (state: SessionState, asked: LaneTurn, { now }: DecideContext): Quiet => {
  if (knows(state, laneTurnId(asked))) return answer(undefined)
  const change = draft(state)
  const waiting = state.queue.length + state.steered.length
  if (isOver(state)) refuse(change, asked, overNow(state))
  else if (waiting >= queuedTurns) {
    const reason = `session ${state.sessionId} has ${waiting} turns waiting; at most ${queuedTurns} may wait`
    refuse(change, asked, { reason, retryAfterMillis: 5_000 })
  } else {
    if (state.created === undefined) {
      change.emit({ _tag: "session.created", ...about(state), hints: {}, byTask: true, at: now })
    }
    change.emit({ _tag: "session.internal_turn_asked", ...about(state), ...asked, at: now })
    advance(change, now)
  }
  return change.accept(undefined)
}

/**
 * A turn that the session does not know any more changes nothing. One whose attempt the instance refused keeps its
 * place, and is granted again when the session has found one.
 */
export const turnReturned = (
  state: SessionState,
  { ask, lane, use }: Asked & { readonly use: TurnUse },
  { now }: DecideContext
): Quiet => {
  const turn = { lane, ask }
  const turnId = laneTurnId(turn)
  if (!knows(state, turnId)) return answer(undefined)
  const change = draft(state)
  const { head } = state
  const isHead = head?.turn.turnId === turnId
  if (isHead && use._tag === "refused" && head.step !== "aborting") onRefused(change, head, use, now)
  else {
    if (use._tag === "refused") denyAborted(change, turn, now)
    else end(change, turn, use._tag, now)
    advance(change, now)
  }
  return change.accept(undefined)
}
