/**
 * The Session actor: the order of one conversation's turns, and its affinity to an instance. Pure; it asks for one
 * thing outside: a place.
 */
import * as Actor from "../../actor/Actor.ts"
import { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { Session } from "../Session.ts"
import { attemptEnded, attemptRefused } from "./AttemptReports.ts"
import { evolve } from "./SessionEvolve.ts"
import { initial, runKeyOf, SessionState } from "./SessionState.ts"
import { viewOf } from "./SessionStatusView.ts"
import { onTimer, timers } from "./SessionTimers.ts"
import * as Turns from "./TurnCommands.ts"
import { about, assign, draft, type Place, start } from "./TurnTransitions.ts"

/** `placement` names the search that reports: an older one's word is not taken. */
export type SessionSignal =
  | { readonly _tag: "Placed"; readonly placement: string; readonly place: Place }
  | { readonly _tag: "Unplaced"; readonly placement: string; readonly reason: string }

export interface SessionActivity {
  readonly key: string
}

const placementOf = ({ head }: SessionState): string | undefined =>
  head?.step === "placing" ? `place:${runKeyOf(head)}:${head.tries}` : undefined

const decideSignal = (
  state: SessionState,
  signal: SessionSignal,
  { now }: Actor.DecideContext
): Actor.Decision<SessionEvent, void, never> => {
  const { head } = state
  if (head === undefined || signal.placement !== placementOf(state)) return Actor.note([])
  const change = draft(state)
  const { turnId } = head.turn
  if (signal._tag === "Placed") {
    assign(change, signal.place)
    start(change, turnId, head.attempt, now)
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
    SessionGet: Turns.get,
    AttemptEnded: attemptEnded,
    AttemptRefused: attemptRefused
  },
  signal: decideSignal,
  timers,
  onTimer,
  activities: (state) => {
    const key = placementOf(state)
    return key === undefined ? [] : [{ key }]
  },
  view: viewOf
})
