/** Waits for an end without asking all the time: woken by the feed, and looking by itself now and then, since a wake-up is only a hint. */
import { Effect, Option, Queue } from "effect"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import { waitMost } from "../../rpc/Requests.ts"
import { EventHub } from "../events/EventHub.ts"

const lookEvery = "2 seconds"

/** The first status that is over, or the last one seen when the time is. At most `waitMost`. */
export const untilOver = Effect.fnUntraced(function* <A, E, R>(
  key: string,
  millis: number,
  status: Effect.Effect<A, E, R>,
  isOver: (status: A) => boolean
) {
  const hub = yield* EventHub
  const first = yield* status
  if (isOver(first) || millis <= 0) return first
  let seen = first
  const watch = Effect.scoped(
    Effect.gen(function* () {
      const woken = yield* hub.wakeups(key)
      while (true) {
        seen = yield* status
        if (isOver(seen)) return seen
        yield* Effect.raceFirst(Queue.take(woken), Effect.sleep(lookEvery))
      }
    })
  ) as Effect.Effect<A, E | ActorUnavailable, R>
  const ended = yield* Effect.timeoutOption(watch, Math.min(millis, waitMost))
  return Option.getOrElse(ended, () => seen)
})
