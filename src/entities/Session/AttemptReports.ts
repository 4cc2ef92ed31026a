/**
 * Reports of the instance on an attempt or a steered message. A report on anything else is outdated and changes
 * nothing.
 */
import type { DecideContext, Decision } from "../../actor/Actor.ts"
import { answer } from "../../actor/Actor.ts"
import type { AttemptOutcome } from "../../schema/runs/Attempt.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { runKeyOf, type SessionState, type Steered, steerKeyOf } from "./SessionState.ts"
import { about, draft } from "./SessionDraft.ts"
import { abortTurn, advance, enqueue, failTurn, joined, onEnded, onRefused, type Refused } from "./TurnTransitions.ts"

type Quiet = Decision<SessionEvent, void, never>

const isSent = ({ head }: SessionState, runKey: string): boolean =>
  head !== undefined && (head.step === "sent" || head.step === "aborting") && runKeyOf(head) === runKey

const steeredBy = ({ steered }: SessionState, runKey: string): Steered | undefined =>
  steered.find(({ turn }) => steerKeyOf(turn.turnId) === runKey)

export const attemptEnded = (
  state: SessionState,
  { outcome, runKey }: { readonly runKey: string; readonly outcome: AttemptOutcome },
  { now }: DecideContext
): Quiet => {
  const change = draft(state)
  const steered = steeredBy(state, runKey)
  if (isSent(state, runKey)) onEnded(change, state.head!, outcome, now)
  else if (steered === undefined) return answer(undefined)
  else if (outcome._tag === "failed") failTurn(change, steered.turn.turnId, outcome.error, now)
  else if (outcome._tag === "aborted") abortTurn(change, steered.turn.turnId, now)
  else joined(change, steered.turn.turnId, steered.into, now)
  return change.accept(undefined)
}

/**
 * A refused attempt waits and is retried. A message that missed its turn becomes a turn of its own, unless the session
 * is closing or closed.
 */
export const attemptRefused = (
  state: SessionState,
  { runKey, ...refused }: Refused & { readonly runKey: string },
  { now }: DecideContext
): Quiet => {
  const change = draft(state)
  const steered = steeredBy(state, runKey)
  if (isSent(state, runKey)) onRefused(change, state.head!, refused, now)
  else if (steered === undefined) return answer(undefined)
  else if (state.phase === "closing" || state.phase === "closed") abortTurn(change, steered.turn.turnId, now)
  else {
    enqueue(change, steered.turn, "ordered")
    advance(change, now)
  }
  return change.accept(undefined)
}

/** The turn is with its instance, and its status says what it waits for there. */
export const attemptWaits = (
  state: SessionState,
  { reason, runKey }: { readonly runKey: string; readonly reason?: string }
): Quiet => {
  const { head } = state
  if (head?.step !== "sent" || runKeyOf(head) !== runKey || head.reason === reason) return answer(undefined)
  const change = draft(state)
  const { turnId } = head.turn
  if (reason === undefined) change.emit({ _tag: "session.internal_begun", ...about(state), turnId })
  else change.emit({ _tag: "session.internal_waiting", ...about(state), turnId, reason })
  return change.accept(undefined)
}
