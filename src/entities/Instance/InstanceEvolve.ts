/** Folds one event into the state of an Instance actor. */
import { HashMap } from "effect"
import type { InstanceEvent } from "../../schema/events/InstanceEvents.ts"
import * as Breaker from "./Breaker.ts"
import type { InstanceState } from "./InstanceState.ts"
import { onRecord, registered } from "./RecordEvolve.ts"
import { attemptsEnded, onRuns } from "./runs/RunEvolve.ts"
import * as SlotBook from "./slots/SlotBook.ts"
import { onSlots } from "./slots/SlotEvolve.ts"

export const evolve = (state: InstanceState, event: InstanceEvent): InstanceState => {
  switch (event._tag) {
    case "instance.registered":
      return {
        record: registered(event),
        breaker: Breaker.closed,
        runs: HashMap.empty(),
        queued: HashMap.empty(),
        slots: SlotBook.empty
      }
    case "instance.internal_slots_asked":
    case "instance.internal_slots_granted":
    case "instance.internal_slots_returned":
    case "instance.internal_slots_recalled":
    case "instance.internal_slots_weighed":
    case "instance.internal_slots_counted":
      return { ...state, slots: onSlots(state.slots, event) }
    case "instance.deregistered": {
      const record = state.record && onRecord(state.record, event)
      return { ...state, ...(record === undefined ? {} : { record }), slots: SlotBook.empty }
    }
    case "run.accepted":
    case "run.internal_queued":
    case "run.internal_unqueued":
    case "run.internal_aborting":
    case "run.internal_steered":
    case "run.internal_steer_ended":
    case "run.ended":
      return onRuns(state, event)
    case "instance.internal_attempts_ended":
      return attemptsEnded(state, event)
    case "task.progress":
    case "session.turn_progress":
    case "instance.breaker_opened":
    case "instance.breaker_closed":
      return state
    case "instance.breaker_half_open":
      return { ...state, breaker: Breaker.halfOpen(state.breaker.because) }
    default: {
      if (state.record === undefined) return state
      const record = onRecord(state.record, event)
      if (event._tag !== "instance.starting" || !event.reset) return { ...state, record }
      const { recentFailures: _, ...rest } = state
      return { ...rest, record, breaker: Breaker.closed }
    }
  }
}
