import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Queue, Stream } from "effect"
import { taskKey } from "../../../src/gateway/events/Broadcast.ts"
import { EventHub, type FollowOptions } from "../../../src/gateway/events/EventHub.ts"
import { compare, numbered } from "../../../src/gateway/events/ResumePoint.ts"
import { typeFilter } from "../../../src/gateway/events/TypeFilter.ts"
import { Cursor, type FeedEvent } from "../../../src/schema/feed/Feed.ts"
import { TenantId } from "../../../src/schema/Ids.ts"
import { layer as feedLayer, MemoryFeed } from "../../fixtures/memory/MemoryFeed.ts"
import { until } from "../../fixtures/Until.ts"

const hub = Effect.provide(EventHub.layer.pipe(Layer.provideMerge(feedLayer)))
const acme = TenantId.make("acme")
const beginning = Cursor.make("0-0")

const one = (name: string, tenant = "acme", type = "task.submitted") => ({ name, tenant, type })
const namesOf = (events: ReadonlyArray<FeedEvent>) => events.map(({ payload }) => payload["name"])
const taken = (options: Partial<FollowOptions>, count: number) =>
  Effect.flatMap(EventHub, ({ follow }) => Stream.runCollect(Stream.take(follow({ onLag: "fail", ...options }), count)))
/** Until the hub has broadcast all that was appended, to whoever follows by then. */
const broadcast = Effect.flatMap(MemoryFeed, ({ isCaughtUp }) => until("the hub has what was appended", isCaughtUp))

describe("EventHub", () => {
  it.live("shows the past and then the present, without gap or repeat, while more is being written", () =>
    Effect.gen(function* () {
      const { append } = yield* MemoryFeed
      for (let index = 0; index < 1_500; index++) yield* append(one(`e${index}`))
      const reading = yield* Effect.forkChild(taken({ after: beginning }, 4_000), { startImmediately: true })
      for (let index = 1_500; index < 4_000; index++) {
        yield* append(one(`e${index}`))
        // A pace: the writing goes on while the past is read and while the present is followed.
        if (index % 50 === 0) yield* Effect.sleep(1)
      }
      assert.deepStrictEqual(
        namesOf(yield* Fiber.join(reading)),
        Array.from({ length: 4_000 }, (_, index) => `e${index}`)
      )
    }).pipe(hub)
  )

  it.live("sends once what was both read as the past and broadcast as the present", () =>
    Effect.gen(function* () {
      const feed = yield* MemoryFeed
      const { follow } = yield* EventHub
      yield* feed.append(one("e0"))
      let count = 1
      feed.beforeRead = Effect.andThen(
        Effect.suspend(() => feed.append(one(`e${count++}`))),
        Effect.provideService(broadcast, MemoryFeed, feed)
      )
      const events = yield* taken({ after: beginning }, 2)
      const seen: Array<FeedEvent> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(Stream.take(follow({ after: events[0]!.cursor, onLag: "fail" }), 6), (event) =>
          Effect.sync(() => seen.push(event))
        ),
        { startImmediately: true }
      )
      yield* until(
        "the past is read",
        Effect.sync(() => seen.length >= 2)
      )
      while (count <= 7) yield* feed.append(one(`e${count++}`))
      yield* Fiber.join(reading)
      assert.deepStrictEqual(namesOf(seen), ["e1", "e2", "e3", "e4", "e5", "e6"])
    }).pipe(hub)
  )

  it.live("goes on from any position it has given, also from within an entry of several events", () =>
    Effect.gen(function* () {
      const { append } = yield* MemoryFeed
      yield* append(one("a"), one("other", "globex"), one("b"), one("c"))
      yield* append(one("d"))
      yield* append(one("e"), one("f"))
      yield* append(one("g", "globex"))
      yield* append(one("h"))
      for (const tenantId of [acme, undefined]) {
        const all = yield* taken({ after: beginning, tenantId }, tenantId === undefined ? 9 : 7)
        assert.strictEqual(new Set(all.map(({ cursor }) => cursor)).size, all.length)
        for (const [index, { cursor }] of all.entries()) {
          const rest = all.slice(index + 1)
          if (rest.length === 0) continue
          const resumed = yield* taken({ after: cursor, tenantId }, rest.length)
          assert.deepStrictEqual(namesOf(resumed), namesOf(rest), `after ${cursor}`)
          assert.deepStrictEqual(
            resumed.map((event) => event.cursor),
            rest.map((event) => event.cursor)
          )
        }
      }
    }).pipe(hub)
  )

  it.live("shows a tenant nothing of another, in the past and in the present", () =>
    Effect.gen(function* () {
      const { append } = yield* MemoryFeed
      yield* append(one("a"), one("x", "globex"))
      const reading = yield* Effect.forkChild(taken({ after: beginning, tenantId: acme }, 4), {
        startImmediately: true
      })
      yield* broadcast
      yield* append(one("y", "globex"))
      yield* append(one("z", "globex"), one("b"), one("c"))
      yield* append(one("d"))
      assert.deepStrictEqual(namesOf(yield* Fiber.join(reading)), ["a", "b", "c", "d"])
    }).pipe(hub)
  )

  it.live("reads the feed once for many followers, and not at all for none", () =>
    Effect.gen(function* () {
      const feed = yield* MemoryFeed
      yield* feed.append(one("a"))
      assert.strictEqual(feed.followers, 0)
      const readers = yield* Effect.forEach(Array.from({ length: 50 }), () =>
        Effect.forkChild(taken({ after: beginning }, 2), { startImmediately: true })
      )
      yield* broadcast
      assert.strictEqual(feed.followers, 1)
      yield* feed.append(one("b"))
      for (const reader of readers) assert.deepStrictEqual(namesOf(yield* Fiber.join(reader)), ["a", "b"])
    }).pipe(hub)
  )

  it.live("lets go who falls behind, at a position from which nothing is lost", () =>
    Effect.gen(function* () {
      const { append } = yield* MemoryFeed
      const { follow } = yield* EventHub
      yield* append(one("e0"))
      const isBusy = yield* Deferred.make<void>()
      const seen: Array<FeedEvent> = []
      const slow = yield* Effect.forkChild(
        Stream.runForEach(Stream.take(follow({ after: beginning, onLag: "fail" }), 3_000), (event) =>
          Effect.andThen(
            Effect.sync(() => seen.push(event)),
            Deferred.await(isBusy)
          )
        ),
        { startImmediately: true }
      )
      yield* until(
        "the past is read",
        Effect.sync(() => seen.length === 1)
      )
      for (let index = 1; index < 3_000; index++) yield* append(one(`e${index}`))
      yield* broadcast
      yield* Deferred.succeed(isBusy, undefined)
      assert.deepStrictEqual(yield* Effect.flip(Fiber.join(slow)), { _tag: "Lagged" })
      assert.isBelow(seen.length, 3_000)
      const rest = yield* taken({ after: seen.at(-1)!.cursor }, 3_000 - seen.length)
      assert.deepStrictEqual(
        namesOf([...seen, ...rest]),
        Array.from({ length: 3_000 }, (_, index) => `e${index}`)
      )
    }).pipe(hub)
  )

  it.live("or reads on at its pace, when it asked for that", () =>
    Effect.gen(function* () {
      const feed = yield* MemoryFeed
      const { follow } = yield* EventHub
      let pages = 0
      feed.beforeRead = Effect.sync(() => pages++)
      const isBusy = yield* Deferred.make<void>()
      const slow = yield* Effect.forkChild(
        Stream.runCollect(
          Stream.take(follow({ onLag: "reread" }), 3_000).pipe(Stream.tap(() => Deferred.await(isBusy)))
        ),
        { startImmediately: true }
      )
      yield* broadcast
      for (let index = 0; index < 3_000; index++) yield* feed.append(one(`e${index}`))
      yield* broadcast
      assert.strictEqual(pages, 0)
      yield* Deferred.succeed(isBusy, undefined)
      assert.deepStrictEqual(
        namesOf(yield* Fiber.join(slow)),
        Array.from({ length: 3_000 }, (_, index) => `e${index}`)
      )
      assert.isAbove(pages, 0)
    }).pipe(hub)
  )

  it.live("wakes who waits for a task when it ends, and nobody else", () =>
    Effect.gen(function* () {
      const { append } = yield* MemoryFeed
      const { wakeups } = yield* EventHub
      const mine = yield* wakeups(taskKey("acme", "t1"))
      const others = yield* wakeups(taskKey("globex", "t1"))
      yield* append(one("t1"), one("t2", "acme", "task.completed"))
      yield* append(one("t1", "acme", "task.completed"))
      yield* Queue.take(mine)
      assert.strictEqual(yield* Queue.size(others), 0)
    }).pipe(Effect.scoped, hub)
  )
})

describe("positions", () => {
  it("compare by number, not by text", () => {
    const ordered = ["0-0", "2-9", "2-10", "9-1", "10-0", "10-1", "123456789012345678-1"].map((text) =>
      Cursor.make(text)
    )
    for (const [left, a] of ordered.entries()) {
      for (const [right, b] of ordered.entries())
        assert.strictEqual(Math.sign(compare(a, b)), Math.sign(left - right), `${a} ${b}`)
    }
    assert.strictEqual(compare(Cursor.make("007-1"), Cursor.make("7-01")), 0)
  })

  it("leave an entry of one event as it is", () => {
    const event = { cursor: Cursor.make("3-4") } as FeedEvent
    assert.deepStrictEqual(numbered(beginning, [event]), [event])
  })
})

describe("a filter of types", () => {
  it("takes exact names and beginnings, and everything when it names none", () => {
    const types = ["task.completed", "task.failed", "instance.ready"]
    assert.deepStrictEqual(types.filter(typeFilter(["task.*"])), ["task.completed", "task.failed"])
    assert.deepStrictEqual(types.filter(typeFilter(["task.failed", "instance.*"])), ["task.failed", "instance.ready"])
    for (const all of [undefined, [], ["*"]]) assert.deepStrictEqual(types.filter(typeFilter(all)), types)
  })
})
