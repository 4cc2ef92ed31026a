/** Folds one event into the state of a Session actor. */
import type { QueuePosition, SessionEvent } from "../../schema/events/SessionEvents.ts"
import { failedOn } from "../../schema/runs/Tried.ts"
import type { TurnStatus } from "../../schema/Session.ts"
import { beginningOf } from "../../ports/Outputs.ts"
import { lostAfter, messageKept, steerLimit, steerTimeout, textKept, turnsKept } from "./SessionPolicy.ts"
import { onLaneTurn } from "./lanes/LaneTurnEvolve.ts"
import type { Assignment, Head, SessionState, WaitingTurn } from "./SessionState.ts"

type Of<Tag extends SessionEvent["_tag"]> = Extract<SessionEvent, { readonly _tag: Tag }>

const insert = (
  queue: ReadonlyArray<WaitingTurn>,
  turn: WaitingTurn,
  position: QueuePosition
): ReadonlyArray<WaitingTurn> => {
  if (position === "tail") return [...queue, turn]
  const later = position === "front" ? 0 : queue.findIndex(({ acceptedAt }) => acceptedAt > turn.acceptedAt)
  return later < 0 ? [...queue, turn] : [...queue.slice(0, later), turn, ...queue.slice(later)]
}

const queued = (state: SessionState, event: Of<"session.turn_queued">): SessionState => {
  const turn: WaitingTurn = {
    turnId: event.turnId,
    message: event.message,
    ...(event.isKept === undefined ? {} : { isKept: event.isKept }),
    timeoutMillis: event.timeoutMillis,
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
    acceptedAt: event.at
  }
  return {
    ...state,
    queue: insert(state.queue, turn, event.position),
    steered: state.steered.filter((steered) => steered.turn.turnId !== event.turnId),
    lastActivityAt: Math.max(state.lastActivityAt, event.at)
  }
}

/** Makes the turn the head, unless it already is: takes it from the front of the queue. */
const begun = (state: SessionState, turnId: string, at: number): SessionState => {
  if (state.head?.turn.turnId === turnId) return state
  const [turn, ...queue] = state.queue
  if (turn?.turnId !== turnId) return state
  const head: Head = {
    turn,
    step: "placing",
    attempt: 1,
    tries: 0,
    waitsSince: at,
    deadlineAt: at + turn.timeoutMillis
  }
  return { ...state, phase: "active", queue, head }
}

const onHead = (state: SessionState, turnId: string, change: (head: Head) => Head): SessionState =>
  state.head?.turn.turnId === turnId ? { ...state, head: change(state.head) } : state

const started = (state: SessionState, event: Of<"session.turn_started">): SessionState => {
  const next = onHead(
    begun(state, event.turnId, event.at),
    event.turnId,
    ({ reason: _reason, retryAt: _retryAt, ...head }) => ({
      ...head,
      step: "sent",
      attempt: event.attempt,
      startedAt: head.startedAt ?? event.at,
      deadlineAt: event.at + head.turn.timeoutMillis + lostAfter
    })
  )
  const { held: _held, ...rest } = next
  return { ...rest, lastActivityAt: event.at }
}

type Ending = Pick<TurnStatus, "phase" | "text" | "stored" | "isPreview" | "error" | "usage">

/**
 * What the end of a turn says about the instance: `AttemptLost` means that it does not answer, the deadline means
 * nothing.
 */
const afterEnd = (assignment: Assignment, { error, phase }: Ending): Assignment => {
  if (error?.code === "AttemptLost") return { ...assignment, answers: false }
  const ran = phase === "completed" || (phase === "failed" && error?.code !== "DeadlineExceeded")
  return ran ? { ...assignment, settled: true, answers: true } : assignment
}

/** A session that was created for one specific instance is, from now on, for the new instance or for any. */
const moving = (state: SessionState, { at, to }: Of<"session.move_asked">): SessionState => {
  const { created } = state
  const { instanceId, ...hints } = created?.hints ?? {}
  return {
    ...state,
    move: to === undefined ? {} : { to },
    lastActivityAt: at,
    ...(created === undefined || instanceId === undefined
      ? {}
      : { created: { ...created, hints: to === undefined ? hints : { ...hints, instanceId: to } } })
  }
}

/** After the loss of its instance the session searches for a place before it sends anything. */
const doubted = (state: SessionState, { reroutes }: Of<"session.internal_put_off">): SessionState =>
  reroutes === undefined || state.assignment === undefined
    ? state
    : { ...state, assignment: { ...state.assignment, answers: false } }

/** The next attempt number, or the instance's own fault, says that the turn was tried in vain where it is assigned. */
const triedAfter = (
  { assignment }: SessionState,
  head: Head,
  { atFault, attempt }: Of<"session.internal_put_off">
): Pick<Head, "tried"> =>
  assignment === undefined || (attempt === head.attempt && atFault !== true)
    ? {}
    : { tried: failedOn(head.tried, assignment.instanceId, assignment.backup) }

const putOff = (state: SessionState, event: Of<"session.internal_put_off">): SessionState =>
  onHead(doubted(state, event), event.turnId, (head) => {
    const waitsSince = event.attempt === head.attempt ? head.waitsSince : event.retryAt
    return {
      ...head,
      step: "waiting",
      attempt: event.attempt,
      tries: head.tries + 1,
      reason: event.reason,
      retryAt: event.retryAt,
      ...(event.reroutes === undefined ? {} : { reroutes: event.reroutes }),
      ...triedAfter(state, head, event),
      waitsSince,
      deadlineAt: waitsSince + head.turn.timeoutMillis
    }
  })

const assigned = (state: SessionState, { backup, instanceId, placement }: Of<"session.assigned">): SessionState => {
  const { move: _, ...rest } = state
  const named = backup === undefined ? {} : { backup }
  return { ...rest, assignment: { instanceId, placement, ...named, settled: false, answers: true } }
}

/** Ends a turn, whether it is the head, steered or queued. */
const ended = (state: SessionState, turnId: string, at: number, ending: Ending): SessionState => {
  const isHead = state.head?.turn.turnId === turnId
  const turn = isHead
    ? state.head!.turn
    : (state.steered.find((steered) => steered.turn.turnId === turnId)?.turn ??
      state.queue.find((waiting) => waiting.turnId === turnId))
  if (turn === undefined) return state
  const startedAt = isHead ? state.head!.startedAt : undefined
  const status: TurnStatus = {
    turnId,
    message: turn.message.slice(0, messageKept),
    ...ending,
    acceptedAt: turn.acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    endedAt: at
  }
  const { head, ...rest } = state
  return {
    ...rest,
    ...(isHead || head === undefined ? {} : { head }),
    phase: isHead && state.phase === "active" ? "idle" : state.phase,
    queue: state.queue.filter((waiting) => waiting.turnId !== turnId),
    steered: state.steered.filter((steered) => steered.turn.turnId !== turnId),
    ended: [...state.ended, status].slice(-turnsKept),
    turnsCompleted: state.turnsCompleted + (ending.phase === "completed" ? 1 : 0),
    ...(isHead && startedAt !== undefined && state.assignment !== undefined
      ? { assignment: afterEnd(state.assignment, ending) }
      : {}),
    lastActivityAt: Math.max(state.lastActivityAt, at)
  }
}

/** Shortens the text for the state; the turn's row keeps the event's text in full. */
const shortened = (text: string): Pick<TurnStatus, "text" | "isPreview"> =>
  text.length <= textKept ? { text } : { text: beginningOf(text, textKept), isPreview: true }

export const evolve = (state: SessionState, event: SessionEvent): SessionState => {
  switch (event._tag) {
    case "session.created": {
      const { at, byTask, hints, label } = event
      const said = { hints, ...(label === undefined ? {} : { label }), ...(byTask === undefined ? {} : { byTask }) }
      return { ...state, created: { ...said, at }, lastActivityAt: at }
    }
    case "session.turn_queued":
      return queued(state, event)
    case "session.internal_placing":
      return onHead(begun(state, event.turnId, event.at), event.turnId, ({ retryAt: _retryAt, ...head }) => ({
        ...head,
        step: "placing"
      }))
    case "session.internal_waiting":
      return onHead(state, event.turnId, (head) => ({ ...head, reason: event.reason }))
    case "session.internal_begun":
      return onHead(state, event.turnId, ({ reason: _, ...head }) => head)
    case "session.internal_put_off":
      return putOff(state, event)
    case "session.assigned":
      return assigned(state, event)
    case "session.move_asked":
      return moving(state, event)
    case "session.turn_started":
      return started(state, event)
    case "session.internal_held":
      return { ...state, held: true }
    case "session.steered": {
      const { at, into, message, turnId } = event
      const turn = { turnId, message, timeoutMillis: steerTimeout, acceptedAt: at }
      return {
        ...state,
        steered: [...state.steered, { turn, into, deadlineAt: at + steerLimit }],
        lastActivityAt: at
      }
    }
    case "session.internal_aborting":
      return onHead(state, event.turnId, (head) => ({ ...head, step: "aborting", deadlineAt: event.deadlineAt }))
    case "session.turn_completed":
      return ended(state, event.turnId, event.at, {
        phase: "completed",
        ...shortened(event.text),
        ...(event.stored === undefined ? {} : { stored: event.stored }),
        ...(event.usage === undefined ? {} : { usage: event.usage })
      })
    case "session.turn_failed":
      return ended(state, event.turnId, event.at, { phase: "failed", error: event.error })
    case "session.turn_aborted":
      return ended(state, event.turnId, event.at, { phase: "aborted" })
    case "session.internal_turn_asked":
    case "session.internal_turn_granted":
    case "session.internal_turn_over":
      return onLaneTurn(state, event, begun)
    case "session.closing":
      return { ...state, phase: "closing", lastActivityAt: event.at }
    case "session.closed":
      return { ...state, phase: "closed", lastActivityAt: event.at }
  }
}
