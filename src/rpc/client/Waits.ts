/** Waits that are longer than one call of the server: it is asked again until the end or the time is over. */
import { Clock, Effect } from "effect"
import { waitMost } from "../Requests.ts"

/** The status when it is over, or the last one when `timeoutMillis` have passed. */
export const untilOver = <A, E>(
  ask: (millis: number) => Effect.Effect<A, E>,
  isOver: (status: A) => boolean,
  timeoutMillis: number
): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const deadline = (yield* Clock.currentTimeMillis) + timeoutMillis
    let millis = timeoutMillis
    while (true) {
      const status = yield* ask(Math.max(0, Math.min(millis, waitMost / 2)))
      millis = deadline - (yield* Clock.currentTimeMillis)
      if (isOver(status) || millis <= 0) return status
    }
  })
