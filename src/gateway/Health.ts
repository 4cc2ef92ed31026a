/**
 * Health by asking, never by guessing: the database, the feed, the cluster's runners, the fleet. Each question has a deadline, and answers are shared
 * for a second, so that nobody brings the gateway down by asking how it is.
 */
import { Cause, Clock, Context, Duration, Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { ViewReads } from "../entities/Reads.ts"
import type { Check, Health as Report } from "./api/SystemApi.ts"
import { FeedHealth } from "./events/FeedHealth.ts"
import { ProbeFailed, Probes } from "./Probes.ts"
import { everyInstance } from "./service/EveryInstance.ts"

const patience = "2 seconds"
const sharedFor = "1 second"

const detailOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "interrupted"
  const error = Cause.squash(cause)
  return error instanceof ProbeFailed ? error.message : "it does not answer"
}

const check = Effect.fnUntraced(function* <E>(
  question: Effect.Effect<{ readonly ok: boolean; readonly detail?: string }, E>
) {
  const before = yield* Clock.currentTimeMillis
  const answer = yield* question.pipe(
    Effect.timeout(Duration.fromInputUnsafe(patience)),
    Effect.catchCause((cause) =>
      Effect.as(Effect.logWarning("A health check failed", cause), {
        ok: false,
        detail: detailOf(cause)
      })
    )
  )
  return { ...answer, millis: (yield* Clock.currentTimeMillis) - before } satisfies Check
})

const make = Effect.gen(function* () {
  const probes = yield* Probes
  const feed = yield* FeedHealth
  const views = yield* ViewReads

  const vital = {
    database: check(Effect.as(probes.database, { ok: true })),
    cluster: check(
      Effect.map(probes.runners, ({ healthy, registered }) => ({
        ok: healthy > 0,
        detail: `${healthy} of ${registered} runners are healthy`
      }))
    )
  }
  const others = {
    feed: check(feed.check),
    instances: check(
      Effect.map(everyInstance(views), (items) => {
        const healthy = items.filter(({ health }) => health === "healthy").length
        return {
          ok: items.length === 0 || healthy > 0,
          detail: items.length === 0 ? "none is registered" : `${healthy} of ${items.length} are healthy`
        }
      })
    )
  }

  const ask = (checks: Record<string, Effect.Effect<Check>>) =>
    Effect.map(Effect.all(checks, { concurrency: "unbounded" }), (answers): Report => {
      const failed = Object.entries(answers)
        .filter(([, { ok }]) => !ok)
        .map(([name]) => name)
      const isDown = failed.some((name) => name in vital)
      return { status: isDown ? "down" : failed.length > 0 ? "degraded" : "ok", checks: answers }
    })

  const live: Report = { status: "ok", checks: {} }
  return Health.of({
    health: yield* Effect.cachedWithTTL(ask({ ...vital, ...others }), sharedFor),
    ready: yield* Effect.cachedWithTTL(ask(vital), sharedFor),
    live: Effect.succeed(live)
  })
})

export class Health extends Context.Service<
  Health,
  {
    /** Everything. `down` when calls would fail. */
    readonly health: Effect.Effect<Report>
    /** The database and the cluster: without them no call can be served. */
    readonly ready: Effect.Effect<Report>
    readonly live: Effect.Effect<Report>
  }
>()("clawster/gateway/Health") {
  static readonly layer = Layer.effect(
    Health,
    Effect.suspend(() => make)
  )
}

export const healthResponse = (report: Report): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(report, { status: report.status === "down" ? 503 : 200 })
