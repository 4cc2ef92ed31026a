import { type Cause, Effect } from "effect"
import * as EdgeMetrics from "../../observability/metrics/EdgeMetrics.ts"
import { ActorUnavailable } from "../../schema/Errors.ts"
import { faultOfCause, tell } from "../postgres/DatabaseFaultLog.ts"

/** A store that disappears without closing its connections never answers. */
export const answerTimeout = "10 seconds"

/** The message for the caller. The cause is for the operator: it is logged, and `/health` shows it. */
const messageOf = (cause: Cause.Cause<unknown>): string =>
  faultOfCause(cause) === undefined
    ? "the database does not answer; try again"
    : "the database refuses; try again, and see /health"

/** What a caller is told when the store fails for the cause: its request was valid, and may be sent again. */
export const toldOf = (cause: Cause.Cause<unknown>): ActorUnavailable =>
  new ActorUnavailable({ reason: "StoreUnavailable", message: messageOf(cause), retryAfterMillis: 1_000 })

/**
 * Turns every failure of a read, and a missing answer after 10 s, into `ActorUnavailable` with a retry after 1 s: the
 * request itself was valid.
 */
export const unavailable = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, ActorUnavailable, R> =>
  EdgeMetrics.timeRead(Effect.timeout(effect, answerTimeout)).pipe(
    Effect.tapCause((cause) => tell("The store could not answer a read", cause)),
    Effect.catchCause((cause) => Effect.fail(toldOf(cause)))
  )
