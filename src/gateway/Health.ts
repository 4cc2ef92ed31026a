/**
 * Health is determined by active checks: of the database, the feed, the instances, and each runner by a call that it
 * must serve. Each check has a timeout, and results are cached for a second, so that frequent health requests cannot
 * overload the gateway.
 */
import { Cause, Clock, Context, Duration, Effect, Layer, Schedule } from "effect"
import { HttpServerResponse } from "effect/http"
import { ClusterReads } from "../ports/ClusterReads.ts"
import { DeadMessages } from "../ports/DeadMessages.ts"
import { InstanceReads } from "../ports/InstanceReads.ts"
import { record } from "../observability/metrics/Metrics.ts"
import type { Check, Health as Report } from "./api/ProbeEndpoints.ts"
import { FeedHealth } from "./events/FeedHealth.ts"
import * as Checks from "./HealthChecks.ts"
import { ProbeFailed, Probes } from "./Probes.ts"
import { everyInstance } from "./service/instances/EveryInstance.ts"

const patience = "2 seconds"
const sharedFor = "1 second"
const dayMillis = 86_400_000
const measuredEvery = "10 seconds"

const detailOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "interrupted"
  const error = Cause.squash(cause)
  return error instanceof ProbeFailed ? error.message : "it does not answer"
}

type Answer = Check & Pick<Checks.Judgement, "isDown">

const check = Effect.fnUntraced(function* <E>(question: Effect.Effect<Checks.Judgement, E>) {
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
  return { ...answer, millis: (yield* Clock.currentTimeMillis) - before } satisfies Answer
})

/** Adds to each failing check the time since which it has failed. */
const remember = () => {
  const since = new Map<string, number>()
  return (name: string, check: Check, now: number): Check => {
    if (check.ok) {
      since.delete(name)
      return check
    }
    since.set(name, since.get(name) ?? now)
    return { ...check, since: since.get(name)! }
  }
}

const make = Effect.gen(function* () {
  const probes = yield* Probes
  const feed = yield* FeedHealth
  const reads = yield* InstanceReads
  const cluster = yield* ClusterReads
  const dead = yield* DeadMessages
  const noted = remember()
  const runners = yield* Effect.cachedWithTTL(cluster.runners, sharedFor)
  const instances = yield* Effect.cachedWithTTL(everyInstance(reads), sharedFor)

  const vital = {
    database: check(Effect.as(probes.database, { ok: true })),
    cluster: check(
      Effect.map(probes.runners, ({ healthy, registered }) => ({
        ok: healthy > 0,
        detail: `${healthy} of ${registered} runners are healthy`,
        ...(healthy > 0 ? {} : { remedy: "start one: clawster runner" })
      }))
    )
  }
  const others = {
    commit: check(Effect.map(cluster.commitMillis, Checks.commit)),
    feed: check(feed.check),
    instances: check(Effect.map(instances, Checks.instances)),
    messages: check(
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.map(dead.countSince(now - dayMillis), Checks.messages))
    ),
    outbox: check(Effect.map(cluster.outbox, Checks.outbox)),
    placements: check(Effect.map(cluster.placements, Checks.placements)),
    resources: check(Effect.map(runners, Checks.resources)),
    runners: check(Effect.map(runners, Checks.runners)),
    serving: check(Effect.map(cluster.probes, Checks.serving)),
    shards: check(Effect.zipWith(cluster.shards, runners, Checks.shards))
  }

  const ask = (checks: Record<string, Effect.Effect<Answer>>) =>
    Effect.gen(function* () {
      const found = yield* Effect.all(checks, { concurrency: "unbounded" })
      const now = yield* Clock.currentTimeMillis
      const answers = Object.fromEntries(
        Object.entries(found).map(([name, { isDown: _, ...answer }]) => [name, noted(name, answer, now)])
      )
      const failed = Object.entries(found).filter(([, { ok }]) => !ok)
      const isDown = failed.some(([name, { isDown = false }]) => isDown || name in vital)
      for (const [name, { ok }] of Object.entries(answers))
        yield* record("clawster_health_check", ok ? 1 : 0, { check: name })
      return {
        status: isDown ? "down" : failed.length > 0 ? "degraded" : "ok",
        checks: answers
      } satisfies Report as Report
    })

  const live: Report = { status: "ok", checks: {} }
  const health = yield* Effect.cachedWithTTL(ask({ ...vital, ...others }), sharedFor)
  yield* keepMeasured(health)
  return Health.of({
    health,
    ready: yield* Effect.cachedWithTTL(ask(vital), sharedFor),
    live: Effect.succeed(live)
  })
})

/**
 * Keeps the gauges of the checks up to date for metrics collectors, which do not request health. The age gauge shows
 * when the checks no longer complete.
 */
const keepMeasured = (health: Effect.Effect<Report>) =>
  Effect.gen(function* () {
    let askedAt = yield* Clock.currentTimeMillis
    const age = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      record("clawster_health_age_seconds", (now - askedAt) / 1_000, {})
    )
    yield* Effect.andThen(health, Clock.currentTimeMillis).pipe(
      Effect.map((now) => void (askedAt = now)),
      Effect.ignoreCause,
      Effect.delay(measuredEvery),
      Effect.forever,
      Effect.forkScoped
    )
    yield* Effect.forkScoped(Effect.repeat(age, Schedule.spaced(measuredEvery)))
  })

export class Health extends Context.Service<
  Health,
  {
    /** All checks. The status is `down` when calls would fail. */
    readonly health: Effect.Effect<Report>
    /** The database and the cluster, without which no call can be served. */
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
