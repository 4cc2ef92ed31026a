/** Folds one event about slots into what a lane holds of them. */
import { HashMap } from "effect"
import type { LaneEventOf } from "../../../schema/events/LaneEvents.ts"
import type { LaneState } from "../LaneState.ts"
import * as SlotLease from "./SlotLease.ts"

export type SlotEvent = LaneEventOf<
  | "lane.internal_slots_asked"
  | "lane.internal_slots_granted"
  | "lane.internal_slots_returned"
  | "lane.internal_slots_recalled"
  | "lane.internal_slots_revoked"
  | "lane.internal_given_up_over"
>

/** What still runs there is on no slot any more: its end must not free one that is granted later. */
const revoked = (state: LaneState, { instanceId }: SlotEvent): LaneState => ({
  ...state,
  slots: SlotLease.revoked(state.slots, instanceId),
  running: HashMap.map(state.running, (running) => {
    if (running.instanceId !== instanceId || running.onSlot === undefined) return running
    const { onSlot: _, ...rest } = running
    return rest
  }),
  givenUp: HashMap.filter(state.givenUp, (one) => one.instanceId !== instanceId)
})

const givenUpOver = (state: LaneState, event: LaneEventOf<"lane.internal_given_up_over">): LaneState => {
  const { at, instanceId, runKeys } = event
  const over = runKeys.filter((runKey) => HashMap.has(state.givenUp, runKey))
  return {
    ...state,
    slots: over.reduce((slots) => SlotLease.freed(slots, instanceId, at), state.slots),
    givenUp: over.reduce((left, runKey) => HashMap.remove(left, runKey), state.givenUp)
  }
}

export const onSlots = (state: LaneState, event: SlotEvent): LaneState => {
  const { at, instanceId } = event
  switch (event._tag) {
    case "lane.internal_slots_asked":
      return { ...state, slots: SlotLease.asked(state.slots, event, at) }
    case "lane.internal_slots_granted":
      return { ...state, slots: SlotLease.granted(state.slots, event, at) }
    case "lane.internal_slots_returned":
      return { ...state, slots: SlotLease.returned(state.slots, instanceId, event.count, event.want) }
    case "lane.internal_slots_recalled":
      return { ...state, slots: SlotLease.recalled(state.slots, instanceId, event.keep) }
    case "lane.internal_slots_revoked":
      return revoked(state, event)
    case "lane.internal_given_up_over":
      return givenUpOver(state, event)
  }
}

/** Whether the event may give the lane a slot to start on. */
export const frees = ({ _tag }: SlotEvent): boolean =>
  _tag === "lane.internal_slots_granted" || _tag === "lane.internal_given_up_over"
