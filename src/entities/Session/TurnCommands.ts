/** Commands on a session and on its turns. */
import { Equal } from "effect"
import type { DecideContext, Decision } from "../../actor/Actor.ts"
import { accept, answer, refuse } from "../../actor/Actor.ts"
import { Conflict, NotFound, Overloaded } from "../../schema/Errors.ts"
import { layers } from "../../schema/Layers.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import type { QueueMode, SessionStatus, TurnStatus } from "../../schema/Session.ts"
import type { RoutingHints } from "../../schema/Task.ts"
import { messageKept, queuedChars, queuedTurns, steersUnderWay, steerTimeout } from "./SessionPolicy.ts"
import type { SessionState, WaitingTurn } from "./SessionState.ts"
import { findTurn, statusOf } from "./SessionView.ts"
import { about, draft, type SessionDraft } from "./SessionDraft.ts"
import { abortHead, abortTurn, abortWaiting, advance, enqueue, steerInto } from "./TurnTransitions.ts"

type Of<A, E = never> = Decision<SessionEvent, A, E>

export const unknownSession = ({ sessionId }: SessionState) =>
  refuse(new NotFound({ kind: "session", id: sessionId, message: `there is no session ${sessionId}; create it first` }))

export const over = ({ phase, sessionId }: SessionState) =>
  refuse(
    new Conflict({
      message: `session ${sessionId} is ${phase} and takes no more turns`,
      state: phase,
      layer: layers.session(sessionId)
    })
  )

export const create = (
  state: SessionState,
  { hints, label }: { readonly hints: RoutingHints; readonly label?: string },
  { now }: DecideContext
): Of<SessionStatus, Conflict> => {
  if (state.phase === "closing" || state.phase === "closed") return over(state)
  if (state.created !== undefined && state.created.byTask !== true) {
    const { hints: before, label: called } = state.created
    if (Equal.equals(before, hints) && called === label) return answer(statusOf(state))
    return refuse(
      new Conflict({
        message: `session ${state.sessionId} was created before with other hints or another label; use another id`,
        state: state.phase
      })
    )
  }
  const change = draft(state)
  change.emit({
    _tag: "session.created",
    ...about(state),
    hints,
    ...(label === undefined ? {} : { label }),
    at: now
  })
  return change.accept(statusOf(change.state))
}

/** The turn as it is when its id was sent before; a refusal when it cannot be accepted; undefined when it can be. */
const known = (
  state: SessionState,
  turn: { readonly turnId: string; readonly message: string }
): Of<TurnStatus, NotFound | Conflict | Overloaded> | undefined => {
  if (state.created === undefined) return unknownSession(state)
  const before = findTurn(state, turn.turnId)
  if (before !== undefined) {
    return before.message === turn.message.slice(0, messageKept)
      ? answer(before)
      : refuse(new Conflict({ message: `turn ${turn.turnId} was sent before with another message; use a new turn id` }))
  }
  if (state.phase === "closing" || state.phase === "closed") return over(state)
  const waiting = mayWait(state)
  if (waiting.length >= queuedTurns || charsOf(waiting) + turn.message.length > queuedChars) {
    return refuse(
      new Overloaded({
        layer: layers.session(state.sessionId),
        message:
          `session ${state.sessionId} has ${waiting.length} turns waiting; ` +
          `at most ${queuedTurns} turns and ${queuedChars} characters may wait`,
        retryAfterMillis: 5_000
      })
    )
  }
  return undefined
}

/**
 * The turns that wait or may have to: messages in flight into the running turn become waiting turns when its instance
 * is lost.
 */
const mayWait = ({ queue, steered }: SessionState): ReadonlyArray<WaitingTurn> =>
  steered.length === 0 ? queue : [...queue, ...steered.map(({ turn }) => turn)]

const charsOf = (turns: ReadonlyArray<WaitingTurn>): number =>
  turns.reduce((sum, { message }) => sum + message.length, 0)

const done = (change: SessionDraft, turnId: string): Of<TurnStatus> => change.accept(findTurn(change.state, turnId)!)

interface TurnPayload {
  readonly turnId: string
  readonly message: string
  readonly timeoutMillis: number
  readonly traceparent?: string
}

export const turnSend = (
  state: SessionState,
  payload: TurnPayload,
  { now }: DecideContext
): Of<TurnStatus, NotFound | Conflict | Overloaded> => {
  const before = known(state, payload)
  if (before !== undefined) return before
  const change = draft(state)
  enqueue(change, waitingTurn(payload, now), "tail")
  advance(change, now)
  return done(change, payload.turnId)
}

const waitingTurn = (
  { message, timeoutMillis, traceparent, turnId }: TurnPayload,
  acceptedAt: number
): WaitingTurn => ({
  turnId,
  message,
  timeoutMillis: Math.max(1_000, timeoutMillis),
  ...(traceparent === undefined ? {} : { traceparent }),
  acceptedAt
})

export const turnGet = (state: SessionState, { turnId }: { readonly turnId: string }): Of<TurnStatus, NotFound> => {
  const turn = findTurn(state, turnId)
  return turn === undefined
    ? refuse(
        new NotFound({
          kind: "turn",
          id: turnId,
          message: `no turn ${turnId} waits, runs, or is among the last that ended`
        })
      )
    : answer(turn)
}

interface SteerPayload {
  readonly turnId: string
  readonly message: string
  readonly queueMode: QueueMode
}

export const steer = (
  state: SessionState,
  payload: SteerPayload,
  { now }: DecideContext
): Of<TurnStatus, NotFound | Conflict | Overloaded> => {
  const before = known(state, payload)
  if (before !== undefined) return before
  const change = draft(state)
  const { head } = state
  if (payload.queueMode === "steer" && head?.step === "sent") {
    if (state.steered.length >= steersUnderWay) {
      return refuse(
        new Overloaded({
          layer: layers.session(state.sessionId),
          message: `${steersUnderWay} messages are on their way into the running turn of session ${state.sessionId}`,
          retryAfterMillis: 1_000
        })
      )
    }
    steerInto(change, head, payload, now)
    return done(change, payload.turnId)
  }
  const interrupts = payload.queueMode === "interrupt" && head !== undefined
  enqueue(change, waitingTurn({ ...payload, timeoutMillis: steerTimeout }, now), interrupts ? "front" : "tail")
  if (interrupts) abortHead(change, now)
  advance(change, now)
  return done(change, payload.turnId)
}

export const abort = (
  state: SessionState,
  { queued }: { readonly queued: boolean },
  { now }: DecideContext
): Of<SessionStatus, NotFound> => {
  if (state.created === undefined) return unknownSession(state)
  const change = draft(state)
  if (queued) abortQueue(change, now)
  abortHead(change, now)
  advance(change, now)
  return change.accept(statusOf(change.state))
}

/** Tasks that wait for a turn are cancelled as tasks. */
const abortQueue = (change: SessionDraft, now: number): void => {
  for (const { lane, turnId } of change.state.queue) if (lane === undefined) abortTurn(change, turnId, now)
}

export const terminate = (state: SessionState, _: void, { now }: DecideContext): Of<SessionStatus, NotFound> => {
  if (state.created === undefined) return unknownSession(state)
  if (state.phase === "closing" || state.phase === "closed") return answer(statusOf(state))
  const change = draft(state)
  change.emit({ _tag: "session.closing", ...about(state), at: now })
  for (const turn of change.state.queue) abortWaiting(change, turn, now)
  for (const { turn } of change.state.steered) abortTurn(change, turn.turnId, now)
  abortHead(change, now)
  advance(change, now)
  return change.accept(statusOf(change.state))
}

export const get = (state: SessionState): Of<SessionStatus, NotFound> =>
  state.created === undefined ? unknownSession(state) : accept<SessionEvent, SessionStatus>([], statusOf(state))
