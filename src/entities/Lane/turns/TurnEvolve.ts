/** Folds one event about turns of sessions into what a lane asks for and holds of them. */
import { HashMap } from "effect"
import type { LaneEventOf } from "../../../schema/events/LaneEvents.ts"
import type { LaneState } from "../LaneState.ts"
import * as TurnLease from "./TurnLease.ts"

export type TurnEvent = LaneEventOf<
  "lane.internal_turn_asked" | "lane.internal_turn_denied" | "lane.internal_turn_unused"
>

export const onTurns = (state: LaneState, event: TurnEvent): LaneState => {
  const { ask, sessionId } = event
  if (event._tag === "lane.internal_turn_asked") {
    return {
      ...state,
      turnAsks: Math.max(state.turnAsks, ask),
      turns: TurnLease.asked(state.turns, sessionId, event)
    }
  }
  if (TurnLease.turnOf(state.turns, sessionId)?.ask !== ask) return state
  const isOver = event._tag === "lane.internal_turn_unused" || event.over === true
  const turns = isOver
    ? HashMap.remove(state.turns, sessionId)
    : TurnLease.denied(state.turns, sessionId, event.reason, event.until)
  return { ...state, turns }
}
