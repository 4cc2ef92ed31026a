import { Effect } from "effect"
import * as EdgeMetrics from "../../observability/EdgeMetrics.ts"
import { ActorUnavailable } from "../../schema/Errors.ts"

/** A store that went away without a word never answers. */
export const answerTimeout = "10 seconds"

/** A read that the store could not answer: nothing is wrong with the question. */
export const unavailable = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, ActorUnavailable, R> =>
  EdgeMetrics.timeRead(Effect.timeout(effect, answerTimeout)).pipe(
    Effect.tapCause((cause) => Effect.logWarning("The store could not answer a read", cause)),
    Effect.catchCause(() =>
      Effect.fail(new ActorUnavailable({ message: "the database does not answer; try again", retryAfterMillis: 1_000 }))
    )
  )
