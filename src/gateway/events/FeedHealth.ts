/**
 * How far the event feed of this process is behind what is committed: for health, which also says what holds it, and as
 * a gauge.
 */
import { Context, Duration, Effect, Layer, Schedule } from "effect"
import { Feed } from "../../ports/Reads.ts"
import * as EdgeMetrics from "../../observability/metrics/EdgeMetrics.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import { EventHub } from "./EventHub.ts"

/** Beyond it the feed is not well. Followers and waiters are late by as much. */
const toleratedMillis = 10_000
const recordedEvery = Duration.seconds(5)

export class FeedHealth extends Context.Service<
  FeedHealth,
  {
    /**
     * Since the oldest entry was written that is committed and not yet read; of what can be read, while nobody follows.
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
