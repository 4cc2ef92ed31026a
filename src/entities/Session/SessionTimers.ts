/**
 * The timers of a Session and what each of them does. Every step of the head and every steered message has a deadline
 * (G14).
 */
import type { DecideContext, Decision, Timer } from "../../actor/Actor.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { deny, end } from "./lanes/LaneTurn.ts"
import type { Head, LaneTurn, SessionState } from "./SessionState.ts"
import { draft, type SessionDraft } from "./SessionDraft.ts"
import { abortTurn, advance, askAbort, failTurn, place } from "./TurnTransitions.ts"

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
      if (head.turn.lane !== undefined) {
        const reason = `the session could not begin it in time: ${head.reason ?? "no instance took it"}`
        deny(change, head.turn.lane, { reason, retryAfterMillis: 1_000 }, now)
        return advance(change, now)
      }
      const message = `the turn could not be started in time: ${head.reason ?? "no instance took it"}`
      return failTurn(change, turnId, { code: "DeadlineExceeded", message, retryable: true }, now)
    }
    case "sent": {
      askAbort(change, head)
      if (head.turn.lane !== undefined) return giveUp(change, head.turn.lane, now)
      const message = "the instance did not say in time how the turn ended"
      return failTurn(change, turnId, { code: "AttemptLost", message, retryable: false }, now)
    }
    case "aborting":
      if (head.turn.lane !== undefined) return giveUp(change, head.turn.lane, now)
      abortTurn(change, turnId, now)
      return advance(change, now)
  }
}

/** The lane did not return the turn in time. What it may still run is aborted by its recall. */
const giveUp = (change: SessionDraft, turn: LaneTurn, now: number): void => {
  end(change, turn, "lost", now)
  advance(change, now)
}
