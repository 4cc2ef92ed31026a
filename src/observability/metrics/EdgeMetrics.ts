/** What the edge measures: requests of callers, and the reads of the database that answer them. */
import { Cause, Duration, Effect } from "effect"
import { type Labels, record, timed } from "./Metrics.ts"

type RequestLabels = Omit<Labels<"clawster_http_request_seconds">, "status">

/** `status`: the class of the answer's code, such as `2xx`. */
export const timeRequest = <A, E, R>(
  labels: RequestLabels,
  status: (answer: A) => string,
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.timed(request), ([took, answer]) =>
    Effect.as(
      record("clawster_http_request_seconds", Duration.toSeconds(took), { ...labels, status: status(answer) }),
      answer
    )
  )

/** A read that its caller gave up is counted as neither. */
export const timeRead = <A, E, R>(read: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  timed("clawster_store_read_seconds", {}, read).pipe(
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : record("clawster_store_read_failures_total", 1, {})
    )
  )

/** How far the event feed of this process is behind what is committed. */
export const feedAge = (millis: number): Effect.Effect<void> => record("clawster_feed_age_seconds", millis / 1_000, {})
