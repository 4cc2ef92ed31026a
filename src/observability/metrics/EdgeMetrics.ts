/** Metrics of the edge: requests of callers, and the database reads that answer them. */
import { Cause, Duration, Effect } from "effect"
import { type Labels, record, timed } from "./Metrics.ts"

type RequestLabels = Omit<Labels<"clawster_http_request_seconds">, "status">

/** `status` returns the class of the status code, such as `2xx`. */
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

/** An interrupted read is counted neither as a success nor as a failure. */
export const timeRead = <A, E, R>(read: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  timed("clawster_store_read_seconds", {}, read).pipe(
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : record("clawster_store_read_failures_total", 1, {})
    )
  )

/** Delay of this process's event feed behind the committed entries. */
export const feedAge = (millis: number): Effect.Effect<void> => record("clawster_feed_age_seconds", millis / 1_000, {})
