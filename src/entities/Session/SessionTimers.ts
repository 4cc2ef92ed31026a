/**
 * The timers of a Session and what each of them does. Every step of the head and every steered message has a deadline
 * (G14).
 */
import type { DecideContext, Decision, Timer } from "../../actor/Actor.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import type { Head, SessionState } from "./SessionState.ts"
import { abortTurn, advance, askAbort, draft, failTurn, place, type SessionDraft } from "./TurnTransitions.ts"

export const timers = ({ head, steered }: SessionState): ReadonlyArray<Timer> => {
  const due: Array<Timer> = []
  if (head !== undefined) due.push({ key: "turn", at: head.deadlineAt })
  if (head?.retryAt !== undefined) due.push({ key: "retry", at: head.retryAt })
  if (steered.length > 0) due.push({ key: "steered", at: Math.min(...steered.map(({ deadlineAt }) => deadlineAt)) })
  return due
}

export const onTimer = (
  state: SessionState,
  key: string,
  { now }: DecideContext
): Decision<SessionEvent, void, never> => {
  const change = draft(state)
  const { head, steered } = state
  if (key === "turn" && head !== undefined && head.deadlineAt <= now) onTurnOver(change, head, now)
  if (key === "retry" && head?.retryAt !== undefined && head.retryAt <= now) place(change, head.turn.turnId, now)
  if (key === "steered") {
    for (const { deadlineAt, turn } of steered) {
      if (deadlineAt > now) continue
      const message = "the instance did not say in time whether the message reached the running turn"
      failTurn(change, turn.turnId, { code: "SteerLost", message, retryable: false }, now)
    }
  }
  return change.accept(undefined)
}

const onTurnOver = (change: SessionDraft, head: Head, now: number): void => {
  const { turnId } = head.turn
  switch (head.step) {
    case "placing":
    case "waiting": {
      const message = `the turn could not be started in time: ${head.reason ?? "no instance took it"}`
      return failTurn(change, turnId, { code: "DeadlineExceeded", message, retryable: true }, now)
    }
    case "sent": {
      askAbort(change, head)
      const message = "the instance did not say in time how the turn ended"
      return failTurn(change, turnId, { code: "AttemptLost", message, retryable: false }, now)
    }
    case "aborting":
      abortTurn(change, turnId, now)
      return advance(change, now)
  }
}
