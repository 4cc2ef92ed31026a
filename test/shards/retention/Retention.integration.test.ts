import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer } from "effect"
import { Journal } from "../../../src/actor/Journal.ts"
import * as JournalPruning from "../../../src/shards/retention/JournalPruning.ts"
import * as PgJournal from "../../../src/shards/journal/PgJournal.ts"
import * as Retention from "../../../src/shards/retention/Retention.ts"
import { bookTable, createBookTable } from "../../conformance/RowReads.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const address = { entityType: "Case", entityId: "old", shardId: "default:1" }
const options: Retention.RetentionOptions = {
  history: Duration.days(1),
  tasks: Duration.days(1),
  messages: Duration.days(1),
  idempotencyKeys: Duration.days(7),
  every: Duration.minutes(1)
}

it.layer(PgJournal.layer.pipe(Layer.provideMerge(Postgres.layer)), { timeout: 120_000, excludeTestServices: true })(
  "Retention",
  (it) => {
    it.effect("removes what a snapshot has passed and is old, keeps the rest, and the actor still loads", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const journal = yield* Journal
        const now = yield* Clock.currentTimeMillis
        const old = now - Duration.toMillis(Duration.days(2))
        yield* sql.unsafe(`INSERT INTO clawster_shards VALUES ('default:1', 'me', 1, now())`)
        const entries = [old, old, now, now].map((at, index) => ({
          seq: index + 1,
          requestId: null,
          command: "Do",
          payloadHash: null,
          events: [],
          answer: null,
          at
        }))
        yield* journal.append({ address, epoch: 1, entries, outbox: [], rows: [] })
        assert.strictEqual((yield* Retention.sweep(options))?.journal, 0)
        yield* journal.saveSnapshot(address, 1, { seq: 3, version: 1, state: {} })
        assert.strictEqual((yield* Retention.sweep(options))?.journal, 2)
        const loaded = yield* journal.load(address, 1)
        assert.deepStrictEqual(
          loaded.entries.map(({ seq }) => seq),
          [4]
        )
      })
    )

    it.effect("removes the rows of a declared table that have ended, are old and are of the kind that ends", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const now = yield* Clock.currentTimeMillis
        const old = now - Duration.toMillis(Duration.days(2))
        yield* sql.unsafe(createBookTable)
        yield* sql.unsafe(
          `INSERT INTO clawster_test_books (shelf, number, title, sold_at) VALUES
             ('a', 1, 'sold', $1::bigint), ('a', 2, 'sold', $2::bigint), ('a', 3, 'sold', NULL),
             ('a', 4, 'given', $1::bigint), ('a', 5, 'lost', $1::bigint)`,
          [old, now]
        )
        const removed = yield* Retention.sweep({ ...options, tables: [bookTable] })
        assert.strictEqual(removed?.["test_books"], 2)
        const left = yield* sql.unsafe<{ readonly number: number }>(
          `SELECT number::int AS number FROM clawster_test_books ORDER BY number`
        )
        assert.deepStrictEqual(
          left.map(({ number }) => number),
          [2, 3, 4]
        )
      })
    )

    it.effect("goes on where the last sweep ended, and in a later hour removes what has got its snapshot since", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const journal = yield* Journal
        const clock = yield* Clock.Clock
        const now = clock.currentTimeMillisUnsafe()
        const shardId = "default:2"
        yield* sql.unsafe(`INSERT INTO clawster_shards VALUES ('${shardId}', 'me', 1, now())`)
        const early = { entityType: "Case", entityId: "early", shardId }
        const late = { entityType: "Case", entityId: "late", shardId }
        const write = (address: typeof early) =>
          journal.append({
            address,
            epoch: 1,
            entries: [
              {
                seq: 1,
                requestId: null,
                command: "Do",
                payloadHash: null,
                events: [],
                answer: null,
                at: now - Duration.toMillis(Duration.days(2))
              }
            ],
            outbox: [],
            rows: []
          })
        const pass = yield* JournalPruning.make
        const removed = Effect.map(Retention.sweep(options, pass), (all) => all?.journal)
        const later: Clock.Clock = Object.create(clock, {
          currentTimeMillis: { value: Effect.succeed(now + Duration.toMillis(Duration.hours(2))) }
        })
        yield* write(early)
        assert.strictEqual(yield* removed, 0)
        yield* write(late)
        for (const address of [early, late]) yield* journal.saveSnapshot(address, 1, { seq: 1, version: 1, state: {} })
        assert.strictEqual(yield* removed, 1)
        assert.deepStrictEqual((yield* journal.load(late, 2)).entries, [])
        assert.strictEqual(yield* Effect.provideService(removed, Clock.Clock, later), 1)
      })
    )

    it.effect(
      "removes keys that were revoked long ago, and runners, reports and heartbeats of a day ago, what is left of deregistered instances, and keeps every shard's epoch",
      () =>
        Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          const now = yield* Clock.currentTimeMillis
          const twoDays = Duration.toMillis(Duration.days(2))
          const key = (id: string, revokedAt: number | null) =>
            sql.unsafe(
              `INSERT INTO clawster_keys (key_id, hash, name, role, created_at, revoked_at) VALUES ($1::text, 'h', 'n', 'admin', 0, $2::bigint)`,
              [id, revokedAt]
            )
          yield* key("revoked", now - twoDays)
          yield* key("revokednow", now)
          yield* key("valid", null)
          for (const [name, ago] of [
            ["gone", "2 days"],
            ["late", "1 hour"]
          ]) {
            yield* sql.unsafe(
              `INSERT INTO clawster_runners (address, runner, healthy, lease_until) VALUES ('${name}', '{}', true, now() - interval '${ago}')`
            )
            yield* sql.unsafe(
              `INSERT INTO clawster_runner_reports (address, report, at) VALUES ('${name}', '{}', now() - interval '${ago}')`
            )
            yield* sql.unsafe(
              `INSERT INTO clawster_heartbeats (entity_id, at) VALUES ('${name}', now() - interval '${ago}')`
            )
          }
          yield* sql.unsafe(
            `INSERT INTO clawster_heartbeats (entity_id, at) VALUES ('deregistered', now() - interval '1 hour'), ('coming', now())`
          )
          yield* sql.unsafe(
            `INSERT INTO clawster_tombstones (entity_id, at) SELECT id, now() - interval '2 hours' FROM unnest(ARRAY['late', 'obeyed']) AS id`
          )
          yield* sql.unsafe(
            `INSERT INTO clawster_views (entity_type, entity_id, doc) SELECT 'Instance', id, '{}' FROM unnest(ARRAY['gone', 'late']) AS id`
          )
          yield* sql.unsafe(
            `INSERT INTO clawster_shards VALUES ('region-sold:1', 'gone', 7, now() - interval '90 days')`
          )
          assert.strictEqual((yield* Retention.sweep(options))?.revokedKeys, 1)
          const of = (text: string) =>
            Effect.map(sql.unsafe<{ readonly id: string }>(text), (rows) => rows.map(({ id }) => id))
          assert.deepStrictEqual(yield* of("SELECT key_id AS id FROM clawster_keys ORDER BY 1"), [
            "revokednow",
            "valid"
          ])
          assert.deepStrictEqual(yield* of("SELECT address AS id FROM clawster_runners"), ["late"])
          assert.deepStrictEqual(yield* of("SELECT address AS id FROM clawster_runner_reports"), ["late"])
          assert.deepStrictEqual(yield* of("SELECT entity_id AS id FROM clawster_heartbeats ORDER BY 1"), [
            "coming",
            "late"
          ])
          assert.deepStrictEqual(yield* of("SELECT entity_id AS id FROM clawster_tombstones"), ["late"])
          assert.deepStrictEqual(
            yield* of("SELECT epoch::text AS id FROM clawster_shards WHERE shard_id = 'region-sold:1'"),
            ["7"]
          )
        })
    )
  }
)
