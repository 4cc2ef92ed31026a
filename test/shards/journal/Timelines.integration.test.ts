import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { Feed, TaskReads } from "../../../src/ports/Reads.ts"
import { Cursor, type FeedEvent } from "../../../src/schema/feed/Feed.ts"
import { timelineOf, parseCursor } from "../../../src/schema/feed/FeedPosition.ts"
import { InstanceId, LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import * as JournalPruning from "../../../src/shards/retention/JournalPruning.ts"
import * as PgJournal from "../../../src/shards/journal/PgJournal.ts"
import * as PgFeed from "../../../src/shards/reads/feed/PgFeed.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import * as Timelines from "../../../src/shards/journal/Timelines.ts"
import { burn, ownShard, say } from "../../fixtures/store/JournalWriter.ts"
import { copy } from "../../fixtures/store/LogicalCopy.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const beginning = Cursor.make("0-0")
const namesOf = (events: ReadonlyArray<FeedEvent>) => events.map(({ payload, type }) => payload["taskId"] ?? type)
const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `t${from + index}`)

/** A server of its own for each. */
const server = Effect.map(Layer.build(Layer.fresh(Postgres.layerOfItsOwn)), (context) =>
  Context.get(context, PgClient.PgClient)
)

/** What a process has of it: the layers look at the server when they are made. */
const processOn = (sql: PgClient.PgClient) =>
  Layer.build(
    Layer.fresh(Layer.mergeAll(PgJournal.layer, PgFeed.layer, PgTasks.layer)).pipe(
      Layer.provideMerge(Layer.succeed(PgClient.PgClient, sql))
    )
  )

const submit = (from: number, to: number) =>
  Effect.forEach(
    names(from, to),
    (taskId) => say("Lane", "acme/main", [{ _tag: "task.submitted", tenantId: "acme", taskId }]),
    { discard: true }
  )

const everything = Effect.fnUntraced(function* (after: Cursor) {
  const feed = yield* Feed
  const events: Array<FeedEvent> = []
  let cursor = after
  while (true) {
    const page = yield* feed.read(cursor, { limit: 7 })
    events.push(...page.events)
    cursor = page.cursor
    if (page.isPresent) return { events, cursor }
  }
})

const followed = (after: Cursor, count: number) =>
  Effect.flatMap(Feed, (feed) =>
    feed.follow(after).pipe(
      Stream.filter(({ type }) => type !== "feed.position"),
      Stream.take(count),
      Stream.runCollect,
      Effect.timeout("20 seconds")
    )
  )

it.live("keeps order, visibility and cursors when all rows are restored on a new server", () =>
  Effect.gen(function* () {
    const former = yield* server
    const old = yield* processOn(former)
    const { sofar } = yield* Effect.gen(function* () {
      yield* ownShard
      yield* burn(2_000)
      yield* submit(1, 30)
      return { sofar: yield* everything(beginning) }
    }).pipe(Effect.provide(old))

    const sql = yield* server
    yield* copy(former, sql)
    // Two processes start at once.
    const [restored] = yield* Effect.all([processOn(sql), processOn(sql), processOn(sql)], { concurrency: "unbounded" })
    const [feedRow] = yield* sql.unsafe<{ timeline: number }>(`SELECT timeline FROM clawster_feed`)
    assert.strictEqual(feedRow!.timeline, 1)

    yield* Effect.gen(function* () {
      const again = yield* everything(beginning)
      assert.deepStrictEqual(again.events, sofar.events)
      yield* submit(31, 33)
      const all = yield* everything(beginning)
      assert.deepStrictEqual(namesOf(all.events), names(1, 33))
      // Who had read everything sees what came after, and nothing else; so does who was in the middle, and who has a
      // cursor of the first version.
      assert.deepStrictEqual(namesOf(yield* followed(sofar.cursor, 3)), names(31, 33))
      assert.deepStrictEqual(namesOf(yield* followed(sofar.events[9]!.cursor, 23)), names(11, 33))
      const { number, tx } = parseCursor(sofar.events[9]!.cursor)
      assert.deepStrictEqual(namesOf(yield* followed(Cursor.make(`${tx}-${number}`), 23)), names(11, 33))
      const reads = yield* TaskReads
      const events = yield* reads.events(
        {
          taskId: TaskId.make("t5"),
          tenantId: TenantId.make("acme"),
          lane: LaneName.make("main"),
          phase: "completed",
          priority: "normal",
          attempt: 1,
          maxAttempts: 1,
          instanceId: InstanceId.make("i1"),
          submittedAt: 1_000,
          endedAt: 1_000
        },
        { limit: 10 }
      )
      assert.deepStrictEqual(namesOf(events.items), ["t5"])
    }).pipe(Effect.provide(restored))

    yield* Effect.gen(function* () {
      // What the former server did after the copy was made is lost to the new one.
      yield* submit(31, 35)
      const feed = yield* Feed
      const future = (yield* everything(beginning)).cursor
      const page = yield* Effect.provide(
        Effect.flatMap(Feed, (restoredFeed) => restoredFeed.read(future, { limit: 10 })),
        restored
      )
      assert.strictEqual(page.gap?.reason, "restored")
      assert.deepStrictEqual(namesOf(page.events), names(31, 33))
      const after = yield* Effect.provide(everything(beginning), restored)
      const refused = yield* Effect.flip(feed.check(after.cursor, "cursor"))
      assert.strictEqual(refused._tag, "InvalidInput")
    }).pipe(Effect.provide(old))

    // And once more, to a third.
    const third = yield* server
    yield* copy(sql, third)
    yield* Effect.gen(function* () {
      yield* submit(34, 36)
      const all = yield* everything(beginning)
      assert.deepStrictEqual(namesOf(all.events), names(1, 36))
      assert.strictEqual(timelineOf(parseCursor(all.cursor).tx), 2)
      const pruning = yield* JournalPruning.make
      yield* third.unsafe(
        `INSERT INTO clawster_snapshots (entity_type, entity_id, seq, version, state) VALUES ('Lane', 'acme/main', 34, 1, '{}')`
      )
      assert.strictEqual(yield* pruning.sweep(2_000), 34)
      assert.deepStrictEqual(namesOf((yield* everything(beginning)).events), names(35, 36))
    }).pipe(Effect.provide(yield* processOn(third)))
  }).pipe(Effect.scoped)
)

it.live("tells a database of an older version, and a server that is the same, from one that is not", () =>
  Effect.gen(function* () {
    const sql = yield* server
    yield* Timelines.ensure.pipe(Effect.provideService(PgClient.PgClient, sql))
    const timeline = Effect.map(
      sql.unsafe<{ timeline: number }>(`SELECT timeline FROM clawster_feed`),
      ([row]) => row!.timeline
    )
    assert.strictEqual(yield* timeline, 0)
    // A server that does not tell which it is: rows of transactions that it has not begun are the sign.
    yield* sql.unsafe(`UPDATE clawster_feed SET server = NULL`)
    yield* sql.unsafe(
      `INSERT INTO clawster_journal (entity_type, entity_id, seq, shard_id, epoch, command, events, at, tx)
       VALUES ('Lane', 'a/b', 1, 'default:1', 1, 'Do', '[]', 1, '999999')`
    )
    yield* Timelines.ensure.pipe(Effect.provideService(PgClient.PgClient, sql))
    assert.strictEqual(yield* timeline, 1)
    yield* sql.unsafe(`DROP TABLE clawster_feed`)
    const failed = yield* Effect.flip(Timelines.ensure.pipe(Effect.provideService(PgClient.PgClient, sql)))
    assert.strictEqual(failed._tag, "TimelineFailed")
    assert.include(failed.message, "clawster migrate")
  }).pipe(Effect.scoped)
)
