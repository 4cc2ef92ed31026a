/** Folds one event about slots into the book of an instance. */
import type { InstanceEventOf } from "../../../schema/events/InstanceEvents.ts"
import * as SlotBook from "./SlotBook.ts"

export type SlotEvent = InstanceEventOf<
  | "instance.internal_slots_asked"
  | "instance.internal_slots_granted"
  | "instance.internal_slots_returned"
  | "instance.internal_slots_recalled"
  | "instance.internal_slots_weighed"
  | "instance.internal_slots_counted"
>

export const onSlots = (book: SlotBook.SlotBook, event: SlotEvent): SlotBook.SlotBook => {
  switch (event._tag) {
    case "instance.internal_slots_asked":
      return SlotBook.asked(book, event.ask, event.at)
    case "instance.internal_slots_granted":
      return event.grants.reduce((next, { count, key }) => SlotBook.granted(next, key, count, event.at), book)
    case "instance.internal_slots_returned":
      return SlotBook.returned(book, SlotBook.holderKey(event.holder), event.count, event.want, event.at)
    case "instance.internal_slots_recalled":
      return event.recalls.reduce((next, { count, key }) => SlotBook.recalled(next, key, count), book)
    case "instance.internal_slots_counted":
      return SlotBook.counted(book, event.at)
    case "instance.internal_slots_weighed":
      return event.weights.reduce((next, { tenant, weight }) => SlotBook.weighed(next, tenant, weight, event.at), book)
  }
}
