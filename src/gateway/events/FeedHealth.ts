/**
 * The delay of this process's event feed behind the committed entries: for health, which also reports what holds the
 * feed back, and as a gauge.
 */
import { Context, Duration, Effect, Layer, Schedule } from "effect"
import { Feed } from "../../ports/Reads.ts"
import * as EdgeMetrics from "../../observability/metrics/EdgeMetrics.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import { EventHub } from "./EventHub.ts"

/** Maximum delay of a healthy feed. Followers and waiters are late by the same time. */
const toleratedMillis = 10_000
const recordedEvery = Duration.seconds(5)

export class FeedHealth extends Context.Service<
  FeedHealth,
  {
    /**
     * Milliseconds since the oldest entry was written that is committed and not yet read by this process. While there
     * is no follower, the oldest entry that cannot be read yet counts.
     */
    readonly feedAgeMillis: Effect.Effect<number, ActorUnavailable>
    readonly check: Effect.Effect<{ readonly ok: boolean; readonly detail: string }, ActorUnavailable>
  }
>()("clawster/gateway/FeedHealth") {
  static readonly layer = Layer.effect(
    FeedHealth,
    Effect.gen(function* () {
      const feed = yield* Feed
      const hub = yield* EventHub
      const age = Effect.flatMap(hub.position, feed.age)
      const check = Effect.map(age, ({ heldBy, millis }) => {
        const behind = `${(millis / 1_000).toFixed(1)} s behind`
        return { ok: millis <= toleratedMillis, detail: heldBy === undefined ? behind : `${behind}: ${heldBy}` }
      })
      yield* age.pipe(
        Effect.flatMap(({ millis }) => EdgeMetrics.feedAge(millis)),
        Effect.ignore,
        Effect.repeat(Schedule.spaced(recordedEvery)),
        Effect.forkScoped
      )
      return FeedHealth.of({ feedAgeMillis: Effect.map(age, ({ millis }) => millis), check })
    })
  )
}
