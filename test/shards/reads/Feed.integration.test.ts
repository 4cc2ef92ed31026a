import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Layer, Stream } from "effect"
import { Feed } from "../../../src/ports/Reads.ts"
import { Cursor, type FeedEvent } from "../../../src/schema/feed/Feed.ts"
import { parseCursor } from "../../../src/schema/feed/FeedPosition.ts"
import { TenantId } from "../../../src/schema/Ids.ts"
import * as JournalPruning from "../../../src/shards/retention/JournalPruning.ts"
import * as PgJournal from "../../../src/shards/journal/PgJournal.ts"
import * as PgFeed from "../../../src/shards/reads/feed/PgFeed.ts"
import { ownShard, say } from "../../fixtures/store/JournalWriter.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { until } from "../../fixtures/Until.ts"

const quiet = TenantId.make("quiet")
const busyRows = 200_000
const rowsAnInsert = 20_000

const submitted = (tenantId: string, taskId: string, more: object = {}) => ({
  _tag: "task.submitted",
  tenantId,
  taskId,
  ...more
})
const namesOf = (events: ReadonlyArray<FeedEvent>) => events.map(({ payload, type }) => payload["taskId"] ?? type)

/** What other tenants did, as it is written now, and as versions wrote it that did not say whose it is. */
const others = (count: number) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe(
      `INSERT INTO clawster_journal (entity_type, entity_id, seq, shard_id, epoch, command, events, at, tenant_id)
       SELECT 'Lane', 'busy/default', s.seq + n, 'default:1', 1, 'Do',
         json_build_array(json_build_object('_tag', 'task.submitted', 'tenantId', 'busy', 'taskId', 't' || n, 'text', repeat(md5(n::text), 16))),
         $2::bigint, CASE WHEN n % 2 = 0 THEN 'busy' END
       FROM generate_series(1, $1::int) AS n,
         (SELECT coalesce(max(seq), 0) AS seq FROM clawster_journal WHERE entity_id = 'busy/default') AS s`,
      [count, 1_000]
    )
  )

interface Read {
  readonly events: ReadonlyArray<FeedEvent>
  readonly cursor: Cursor
  readonly pages: number
}

/** Page by page, up to the present. Every page that is not the last gets further. */
const everything = Effect.fnUntraced(function* (after: Cursor, tenantId?: TenantId, limit = 500) {
  const feed = yield* Feed
  const events: Array<FeedEvent> = []
  let cursor = after
  for (let pages = 1; ; pages++) {
    const page = yield* feed.read(cursor, { tenantId, limit })
    events.push(...page.events)
    if (!page.isPresent) assert.notStrictEqual(page.cursor, cursor)
    cursor = page.cursor
    if (page.isPresent) return { events, cursor, pages } satisfies Read
  }
})

const layer = Layer.mergeAll(PgJournal.layer, PgFeed.layer).pipe(Layer.provideMerge(Postgres.layer))

it.layer(layer, { timeout: 180_000, excludeTestServices: true })("the feed", (it) => {
  it.effect(`gives a quiet tenant its few events from between ${busyRows} of others by few pages`, () =>
    Effect.gen(function* () {
      yield* ownShard
      const feed = yield* Feed
      const start = yield* feed.position
      yield* say("Lane", "quiet/default", [submitted("quiet", "q1")])
      for (let rows = 0; rows < busyRows; rows += rowsAnInsert) yield* others(rowsAnInsert)
      yield* say("Lane", "quiet/default", [submitted("quiet", "q2")])
      yield* say("Instance", "default/shared", [
        { _tag: "run.ended", tenantId: "busy", taskId: "b" },
        { _tag: "run.ended", tenantId: "quiet", taskId: "q3" }
      ])
      yield* say("Instance", "default/shared", [{ _tag: "instance.internal_heartbeat", tenantId: "quiet" }])
      const { cursor, events, pages } = yield* everything(start, quiet)
      assert.deepStrictEqual(namesOf(events), ["q1", "q2", "q3"])
      assert.isAtMost(pages, 2)
      assert.strictEqual(cursor, yield* feed.position)
      yield* say("Lane", "quiet/default", [submitted("quiet", "q4")])
      assert.deepStrictEqual(namesOf((yield* everything(cursor, quiet)).events), ["q4"])
    })
  )

  it.effect("gives them without the index too, in bounded pages that all get further", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const start = yield* (yield* Feed).position
      yield* sql.unsafe(`ALTER INDEX clawster_journal_tenant RENAME TO clawster_journal_tenant_away`)
      yield* others(5_000)
      yield* say("Lane", "quiet/default", [submitted("quiet", "q5")])
      yield* Effect.gen(function* () {
        const { events, pages } = yield* everything(start, quiet)
        assert.deepStrictEqual(namesOf(events), ["q5"])
        assert.isAbove(pages, 5)
      }).pipe(Effect.provide(Layer.fresh(PgFeed.layer)))
      yield* sql.unsafe(`ALTER INDEX clawster_journal_tenant_away RENAME TO clawster_journal_tenant`)
    })
  )

  it.effect("passes what it cannot show with a note, and goes on for everybody", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const start = yield* (yield* Feed).position
      yield* say("Lane", "acme/a", [submitted("acme", "before")])
      yield* say("Instance", "default/i1", [{ _tag: "run.ended", tenantId: "acme", error: "x".repeat(20_000_000) }])
      yield* say("Instance", "default/i2", [
        { _tag: "run.ended", tenantId: "acme", error: "y".repeat(6_000_000), at: 7 }
      ])
      for (const events of [`"no list"`, `[1]`, `[{"_tag":7}]`, `{"_tag":"task.submitted"}`]) {
        yield* sql.unsafe(
          `INSERT INTO clawster_journal (entity_type, entity_id, seq, shard_id, epoch, command, events, at, tenant_id)
           SELECT 'Lane', 'acme/odd', count(*) + 1, 'default:1', 1, 'Do', $1::text::json, 5, 'acme'
           FROM clawster_journal WHERE entity_id = 'acme/odd'`,
          [events]
        )
      }
      yield* say("Lane", "acme/a", [submitted("acme", "after")])
      const follow = (tenantId?: TenantId) =>
        Effect.flatMap(Feed, (feed) =>
          feed.follow(start, tenantId).pipe(Stream.take(8), Stream.runCollect, Effect.timeout("30 seconds"))
        )
      for (const events of [yield* follow(), yield* follow(TenantId.make("acme"))]) {
        assert.deepStrictEqual(namesOf(events), [
          "before",
          "feed.skipped",
          "run.ended",
          "feed.skipped",
          "feed.skipped",
          "feed.skipped",
          "feed.skipped",
          "after"
        ])
        const [, large, cut, odd] = events
        assert.deepInclude(large!.payload, {
          entityType: "Instance",
          entityId: "default/i1",
          seq: 1,
          reason: "too_large"
        })
        assert.strictEqual(cut!.shortenedFrom! > 6_000_000, true)
        assert.match(String(cut!.payload["error"]), /^y{1000,} \[cut: 6000000 characters\]$/)
        assert.strictEqual(cut!.payload["at"], 7)
        assert.deepInclude(odd!.payload, { entityId: "acme/odd", reason: "unknown_shape" })
      }
    })
  )

  it.effect("bounds the bytes of a page as well as its rows", () =>
    Effect.gen(function* () {
      const start = yield* (yield* Feed).position
      // One kind that compresses a hundredfold, and one that does not compress.
      for (let n = 0; n < 30; n++)
        yield* say("Lane", "acme/a", [submitted("acme", `c${n}`, { text: "x".repeat(1_000_000) })])
      const noise = Array.from({ length: 200_000 }, (_, index) => ((index * 2_654_435_761) >>> 7).toString(36)).join("")
      for (let n = 0; n < 20; n++) yield* say("Lane", "acme/a", [submitted("acme", `n${n}`, { text: noise })])
      const { events, pages } = yield* everything(start)
      assert.strictEqual(new Set(namesOf(events)).size, 50)
      assert.strictEqual(events.length, 50)
      assert.isAtLeast(pages, 50 / 9)
    })
  )

  it.effect("refuses positions that it never gave, and takes those of the first version", () =>
    Effect.gen(function* () {
      const feed = yield* Feed
      const end = yield* feed.position
      const { mark, number, tx } = parseCursor(end)
      yield* feed.check(end, "cursor")
      yield* feed.check(Cursor.make(`${tx}-${number}`), "cursor")
      yield* feed.check(Cursor.make("0-0"), "cursor")
      const foreign = `${tx}-${mark === 10_000 ? 10_001 : mark! - 1}${String(number).padStart(15, "0")}`
      const ahead = `${tx + 100_000n}-1`
      const absurd = "99999999999999999999-99999999999999999999"
      for (const text of [foreign, ahead, absurd, "99999999999999999999-1", `${1n << 50n}-1`]) {
        const refused = yield* Effect.flip(feed.check(Cursor.make(text), "after"))
        assert.strictEqual(refused._tag, "InvalidInput", text)
        if (refused._tag === "InvalidInput") assert.strictEqual(refused.faults[0]?.path, "after")
        // And whoever reads from there nevertheless is not failed.
        yield* feed.read(Cursor.make(text), { limit: 10 })
      }
    })
  )

  it.effect("says how old the oldest entry is that cannot be read yet, and whose open transaction holds it", () =>
    Effect.gen(function* () {
      const feed = yield* Feed
      const sql = yield* PgClient.PgClient
      assert.strictEqual((yield* feed.age()).millis, 0)
      const connection = yield* sql.reserve
      const run = (text: string) => connection.execute(text, [], undefined)
      yield* run("BEGIN")
      const [holder] = (yield* run("SELECT pg_current_xact_id()::text AS tx, pg_backend_pid() AS pid")) as [
        { pid: number }
      ]
      const now = yield* Clock.currentTimeMillis
      yield* say("Lane", "acme/held", [submitted("acme", "held")], now - 60_000)
      const age = yield* feed.age()
      assert.isAtLeast(age.millis, 60_000)
      assert.include(age.heldBy!, `pg_terminate_backend(${holder.pid})`)
      yield* run("ROLLBACK")
      yield* until(
        "nothing holds it any more",
        Effect.map(feed.age(), ({ millis }) => millis === 0)
      )
      assert.isAtLeast((yield* feed.age(Cursor.make("0-0"))).millis, 60_000)
    }).pipe(Effect.scoped)
  )

  it.effect("tells who comes back too late that there is a gap, and then gives all that is left", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const feed = yield* Feed
      const before = yield* feed.position
      yield* say("Lane", "gone/a", [submitted("gone", "old1")])
      yield* say("Lane", "gone/a", [submitted("gone", "old2")])
      yield* say("Lane", "gone/b", [submitted("gone", "kept")])
      yield* say("Lane", "gone/a", [submitted("gone", "old3")])
      const between = (yield* everything(before)).events[0]!.cursor
      yield* say("Lane", "gone/a", [submitted("gone", "new")], 9_000)
      yield* sql.unsafe(
        `INSERT INTO clawster_snapshots (entity_type, entity_id, seq, version, state) VALUES ('Lane', 'gone/a', 4, 1, '{}')`
      )
      yield* (yield* JournalPruning.make).sweep(5_000)
      for (const cursor of [before, between]) {
        const page = yield* feed.read(cursor, { limit: 10 })
        assert.deepInclude(page.gap, { from: cursor, reason: "expired" })
        assert.deepStrictEqual(namesOf(page.events), ["kept", "new"])
        const events = yield* feed.follow(cursor).pipe(Stream.take(3), Stream.runCollect)
        assert.deepStrictEqual(namesOf(events), ["feed.gap", "kept", "new"])
        assert.deepInclude(events[0]!.payload, { from: cursor, to: page.gap!.to, reason: "expired" })
      }
      const { cursor } = yield* everything(before)
      assert.isUndefined((yield* feed.read(cursor, { limit: 10 })).gap)
      assert.isUndefined((yield* feed.read(yield* feed.position, { limit: 10 })).gap)
    })
  )
})
