/**
 * The Session actor: the order of one conversation's turns, and its affinity to an instance. It is pure: its activities
 * find an instance for a turn, and watch the turn that is running.
 */
import * as Actor from "../../actor/Actor.ts"
import { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { SessionStatus } from "../../schema/Session.ts"
import { Session } from "../Session.ts"
import { attemptEnded, attemptRefused, attemptWaits } from "./AttemptReports.ts"
import { turnAsked, turnReturned } from "./lanes/LaneTurnCommands.ts"
import { evolve } from "./SessionEvolve.ts"
import { initial, isEnded, runKeyOf, SessionState } from "./SessionState.ts"
import { viewOf } from "./SessionView.ts"
import { move } from "./MoveCommand.ts"
import { onTimer, timers } from "./SessionTimers.ts"
import { rows, turnTable } from "./TurnRow.ts"
import * as Turns from "./TurnCommands.ts"
import { about, draft } from "./SessionDraft.ts"
import { assign, onLost, type Place, begin } from "./TurnTransitions.ts"

/** `placement` identifies the search that reports; signals of an earlier search are ignored. */
export type SessionSignal =
  | { readonly _tag: "Placed"; readonly placement: string; readonly place: Place }
  | { readonly _tag: "Unplaced"; readonly placement: string; readonly reason: string }
  /** The instance of the running turn is lost, and another instance may take the turn. */
  | { readonly _tag: "Lost"; readonly runKey: string; readonly reason: string; readonly fails?: boolean }
  /** The tenant may start nothing. */
  | { readonly _tag: "Held" }

export interface SessionActivity {
  readonly _tag: "Place" | "WatchTurn"
  readonly key: string
}

const placementOf = ({ head }: SessionState): string | undefined =>
  head?.step === "placing" ? `place:${runKeyOf(head)}:${head.tries}` : undefined

const activityOf = (state: SessionState): SessionActivity | undefined => {
  const { head } = state
  if (head?.step === "sent") return { _tag: "WatchTurn", key: `watch:${runKeyOf(head)}` }
  const placement = placementOf(state)
  return placement === undefined ? undefined : { _tag: "Place", key: placement }
}

const decideLost = (
  state: SessionState,
  { fails = false, reason, runKey }: Extract<SessionSignal, { readonly _tag: "Lost" }>,
  now: number
): Actor.Decision<SessionEvent, void, never> => {
  const { head } = state
  if (head?.step !== "sent" || head.turn.lane !== undefined || runKeyOf(head) !== runKey) return Actor.note([])
  const change = draft(state)
  onLost(change, head, reason, now, fails)
  return change.accept(undefined)
}

const decideSignal = (
  state: SessionState,
  signal: SessionSignal,
  { now }: Actor.DecideContext
): Actor.Decision<SessionEvent, void, never> => {
  const { head } = state
  if (signal._tag === "Lost") return decideLost(state, signal, now)
  if (signal._tag === "Held") {
    return Actor.note(state.held === true ? [] : [{ _tag: "session.internal_held", ...about(state), at: now }])
  }
  if (head === undefined || signal.placement !== placementOf(state)) return Actor.note([])
  const change = draft(state)
  const { turnId } = head.turn
  if (signal._tag === "Placed") {
    assign(change, signal.place)
    begin(change, head.turn, head.attempt, signal.place.because, now)
  } else if (signal.reason !== head.reason) {
    change.emit({ _tag: "session.internal_waiting", ...about(state), turnId, reason: signal.reason })
  }
  return change.accept(undefined)
}

export const SessionActor = Actor.define<SessionState, SessionEvent, SessionSignal, SessionActivity>()({
  entity: Session,
  state: SessionState,
  event: SessionEvent,
  stateVersion: 1,
  initial,
  evolve,
  commands: {
    SessionCreate: Turns.create,
    TurnSend: Turns.turnSend,
    TurnGet: Turns.turnGet,
    SessionSteer: Turns.steer,
    SessionAbort: Turns.abort,
    SessionTerminate: Turns.terminate,
    SessionMove: move,
    SessionGet: Turns.get,
    AttemptEnded: attemptEnded,
    AttemptRefused: attemptRefused,
    AttemptWaits: attemptWaits,
    TurnAsked: turnAsked,
    TurnReturned: turnReturned
  },
  signal: decideSignal,
  timers,
  onTimer,
  activities: (state) => {
    const activity = activityOf(state)
    return activity === undefined ? [] : [activity]
  },
  view: { schema: SessionStatus, of: viewOf },
  isEnded,
  tables: [turnTable],
  rows
})
