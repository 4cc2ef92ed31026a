/** Folds one event about turns of lanes into the state of a session. */
import type { SessionEvent } from "../../../schema/events/SessionEvents.ts"
import { type Assignment, laneTurnId, type SessionState } from "../SessionState.ts"

type Of<Tag extends SessionEvent["_tag"]> = Extract<SessionEvent, { readonly _tag: Tag }>
export type LaneTurnEvent = Of<
  "session.internal_turn_asked" | "session.internal_turn_granted" | "session.internal_turn_over"
>

const asked = (state: SessionState, event: Of<"session.internal_turn_asked">): SessionState => {
  const { ask, at, hints, lane, timeoutMillis } = event
  const turn = {
    turnId: laneTurnId(event),
    message: "",
    timeoutMillis,
    acceptedAt: at,
    lane: { lane, ask, timeoutMillis, hints }
  }
  return { ...state, queue: [...state.queue, turn], lastActivityAt: at }
}

/** An attempt that ended leaves history at the instance; one that was given up leaves doubt whether it answers. */
const afterUse = (assignment: Assignment, use: Of<"session.internal_turn_over">["use"]): Assignment => {
  if (use === "lost") return { ...assignment, answers: false }
  return use === "ran" ? { ...assignment, settled: true, answers: true } : assignment
}

const over = (state: SessionState, event: Of<"session.internal_turn_over">): SessionState => {
  const { at, use } = event
  const turnId = laneTurnId(event)
  const { assignment, head, ...rest } = state
  const isHead = head?.turn.turnId === turnId
  return {
    ...rest,
    ...(isHead || head === undefined ? {} : { head }),
    ...(assignment === undefined ? {} : { assignment: isHead ? afterUse(assignment, use) : assignment }),
    phase: isHead && state.phase === "active" ? "idle" : state.phase,
    queue: state.queue.filter((waiting) => waiting.turnId !== turnId),
    lastActivityAt: Math.max(state.lastActivityAt, at)
  }
}

/** `begun`: the state in which the turn is the head. */
export const onLaneTurn = (
  state: SessionState,
  event: LaneTurnEvent,
  begun: (state: SessionState, turnId: string, at: number) => SessionState
): SessionState => {
  switch (event._tag) {
    case "session.internal_turn_asked":
      return asked(state, event)
    case "session.internal_turn_granted": {
      const { held: _held, ...next } = begun(state, laneTurnId(event), event.at)
      if (next.head?.turn.turnId !== laneTurnId(event)) return next
      const { reason: _reason, retryAt: _retryAt, ...head } = next.head
      return { ...next, head: { ...head, step: "sent", deadlineAt: event.deadlineAt }, lastActivityAt: event.at }
    }
    case "session.internal_turn_over":
      return over(state, event)
  }
}
