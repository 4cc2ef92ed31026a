import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer } from "effect"
import { Journal } from "../../src/actor/Journal.ts"
import * as JournalPruning from "../../src/shards/JournalPruning.ts"
import * as PgJournal from "../../src/shards/PgJournal.ts"
import * as Retention from "../../src/shards/Retention.ts"
import * as Postgres from "../fixtures/Postgres.ts"

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
      Effect.gen(function*() {
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
        assert.deepStrictEqual(loaded.entries.map(({ seq }) => seq), [4])
      }))

    it.effect("goes on where the last sweep ended, and in a later hour removes what has got its snapshot since", () =>
      Effect.gen(function*() {
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
            entries: [{
              seq: 1,
              requestId: null,
              command: "Do",
              payloadHash: null,
              events: [],
              answer: null,
              at: now - Duration.toMillis(Duration.days(2))
            }],
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
      }))
  }
)
