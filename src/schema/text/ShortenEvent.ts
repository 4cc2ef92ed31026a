/** Cuts the long texts of events that are too large to be sent whole, and marks the cuts. */
import type { Schema } from "effect"
import { cut } from "./Bounds.ts"
import type { FeedEvent } from "../feed/Feed.ts"

/**
 * Maximum characters of JSON in one message to a follower. An event with a task's result of a million characters stays
 * below it.
 */
export const eventMost = 4_000_000
const textMost = 16_384
const itemsMost = 1_000

/** Estimated length of the value as JSON, in characters. */
export const weigh = (value: unknown): number => {
  if (typeof value === "string") return value.length + 2
  if (typeof value !== "object" || value === null) return 8
  let sum = 2
  for (const key in value) sum += key.length + 4 + weigh((value as Record<string, unknown>)[key])
  return sum
}

const shorten = (value: Schema.Json, most: number): Schema.Json => {
  if (typeof value === "string") return cut(value, most)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.slice(0, itemsMost).map((part) => shorten(part, most))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, itemsMost)
      .map(([key, part]) => [key, shorten(part, most)])
  )
}

/**
 * Returns the event unchanged when it is small enough. Otherwise each text is cut to at most 16,384 code units, or
 * fewer when there are many texts.
 */
export const shortened = (event: FeedEvent): FeedEvent => {
  const weight = weigh(event.payload)
  if (weight <= eventMost) return event
  let payload = event.payload
  for (let most = textMost; most >= 64 && weigh(payload) > eventMost; most = Math.floor(most / 8)) {
    payload = shorten(event.payload, most) as FeedEvent["payload"]
  }
  return { ...event, payload: weigh(payload) > eventMost ? {} : payload, shortenedFrom: weight }
}
