/**
 * Waits for an end without asking all the time: woken by the feed, and looking by itself seldom, since a wake-up is
 * only a hint.
 */
import { Effect, Option, Queue, Random } from "effect"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import { waitMost } from "../../rpc/Requests.ts"
import { EventHub } from "../events/EventHub.ts"

/** Unlike for each waiter, so that thousands who wait for one thing do not look at once. */
const lookEvery = Random.nextBetween(10_000, 20_000)

/**
 * The first status that is over, or the last one seen when the time is. At most `waitMost`. The status is asked for
 * once, and again after each wake-up: who waits listens before it asks, so that an end between the two is not missed.
 */
export const untilOver = Effect.fnUntraced(function* <A, E, R>(
  key: string,
  millis: number,
  status: Effect.Effect<A, E, R>,
  isOver: (status: A) => boolean
) {
  if (millis <= 0) return yield* status
  const hub = yield* EventHub
  let seen: Option.Option<A> = Option.none()
  const watch = Effect.scoped(
    Effect.gen(function* () {
      const woken = yield* hub.wakeups(key)
      while (true) {
        const now = yield* status
        seen = Option.some(now)
        if (isOver(now)) return now
        yield* Effect.raceFirst(Queue.take(woken), Effect.flatMap(lookEvery, Effect.sleep))
      }
    })
  ) as Effect.Effect<A, E | ActorUnavailable, R>
  const ended = yield* Effect.timeoutOption(watch, Math.min(millis, waitMost))
  const known = Option.orElse(ended, () => seen)
  return Option.isSome(known) ? known.value : yield* status
})
