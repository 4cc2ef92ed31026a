/** Folds one event about slots into what a lane holds of them. */
import { HashMap } from "effect"
import type { LaneEventOf } from "../../../schema/events/LaneEvents.ts"
import type { LaneState, RunningTask } from "../LaneState.ts"
import * as SlotLease from "./SlotLease.ts"

export type SlotEvent = LaneEventOf<
  | "lane.internal_slots_asked"
  | "lane.internal_slots_granted"
  | "lane.internal_slots_returned"
  | "lane.internal_slots_recalled"
  | "lane.internal_slots_revoked"
  | "lane.internal_given_up_over"
>

/** What runs or was given up there spends no slot that the lane is granted later. */
const unspent = (state: LaneState, instanceId: string, at: number): LaneState => {
  const isOnSlot = (task: RunningTask) => task.instanceId === instanceId && task.onSlot === true
  return {
    ...state,
    voids: HashMap.some(state.running, isOnSlot) ? state.voids + 1 : state.voids,
    running: HashMap.map(state.running, (task) => {
      if (!isOnSlot(task)) return task
      const { onSlot: _, ...rest } = task
      return { ...rest, voidAt: at }
    }),
    givenUp: HashMap.filter(state.givenUp, (one) => one.instanceId !== instanceId)
  }
}

const revoked = (state: LaneState, { at, instanceId }: SlotEvent): LaneState => ({
  ...unspent(state, instanceId, at),
  slots: SlotLease.revoked(state.slots, instanceId)
})

const granted = (state: LaneState, event: LaneEventOf<"lane.internal_slots_granted">): LaneState => {
  const { at, instanceId, registration } = event
  const isOther = SlotLease.isOfAnother(SlotLease.leaseOf(state.slots, instanceId), registration)
  const before = isOther ? unspent(state, instanceId, at) : state
  return { ...before, slots: SlotLease.granted(state.slots, event, at) }
}

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
      return granted(state, event)
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
