/**
 * Waits for an end without polling constantly: the feed wakes the wait, and it also polls at a long interval, because a
 * wake-up is only a hint.
 */
import { Effect, Option, Queue, Random } from "effect"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import { waitMost } from "../../rpc/Requests.ts"
import { EventHub } from "../events/EventHub.ts"

/** Random for each waiter, so that thousands of waiters for the same end do not poll at the same time. */
const lookEvery = Random.nextBetween(10_000, 20_000)

/**
 * Returns the first status that is over, or the last status seen when the timeout expires, after at most `waitMost`.
 * The status is read once, and again after each wake-up. The wait subscribes before it reads, so that an end between
 * the two is not missed.
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
