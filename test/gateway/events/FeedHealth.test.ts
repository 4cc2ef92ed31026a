import { assert, it } from "@effect/vitest"
import { Effect, Layer, Metric, Stream } from "effect"
import { Feed } from "../../../src/ports/Reads.ts"
import { EventHub } from "../../../src/gateway/events/EventHub.ts"
import { FeedHealth } from "../../../src/gateway/events/FeedHealth.ts"
import { Cursor } from "../../../src/schema/feed/Feed.ts"

const read = Cursor.make("7-7")

/** A feed that is so far behind; `asked` are the positions that it was asked about. */
const behind = (millis: number, asked: Array<Cursor | undefined> = []) => {
  const feed = Feed.of({
    position: Effect.succeed(read),
    check: () => Effect.void,
    read: () => Effect.die("not asked for"),
    follow: () => Stream.never,
    age: (after) =>
      Effect.sync(() => {
        asked.push(after)
        return millis === 0 ? { millis } : { millis, heldBy: "database process 42 has had a transaction open" }
      })
  })
  const hub = EventHub.of({
    follow: () => Stream.never,
    wakeups: () => Effect.die("not asked for"),
    pulse: Effect.succeed(() => 0),
    position: Effect.succeed(read)
  })
  return FeedHealth.layer.pipe(Layer.provide([Layer.succeed(Feed, feed), Layer.succeed(EventHub, hub)]))
}

const health = Effect.flatMap(FeedHealth, ({ check }) => check)

it.effect("the feed is well while it is at most some seconds behind what is committed", () => {
  const asked: Array<Cursor | undefined> = []
  return Effect.gen(function* () {
    assert.deepStrictEqual(yield* health, { ok: true, detail: "0.0 s behind" })
    assert.isTrue(asked.length > 0 && asked.every((after) => after === read), "of what this process has read")
  }).pipe(Effect.provide(behind(0, asked)))
})

it.effect("beyond that it is not, and health says what holds it and a gauge how far it is behind", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* health, {
      ok: false,
      detail: "75.0 s behind: database process 42 has had a transaction open"
    })
    assert.strictEqual(yield* Effect.flatMap(FeedHealth, ({ feedAgeMillis }) => feedAgeMillis), 75_000)
    yield* Effect.yieldNow
    const gauges = yield* Metric.snapshot
    const gauge = gauges.find(({ id }) => id === "clawster_feed_age_seconds")
    assert.deepInclude(gauge?.state, { value: 75 })
  }).pipe(Effect.provide(behind(75_000)))
)
