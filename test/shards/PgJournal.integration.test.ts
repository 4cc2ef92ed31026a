import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Journal } from "../../src/actor/Journal.ts"
import * as PgJournal from "../../src/shards/PgJournal.ts"
import { conformance } from "../conformance/Journal.ts"
import * as Postgres from "../fixtures/Postgres.ts"

const layer = PgJournal.layer.pipe(Layer.provideMerge(Postgres.layer))

conformance({
  name: "PostgreSQL",
  layer,
  grant: (shardId) =>
    Effect.flatMap(PgClient.PgClient, (sql) =>
      sql.unsafe<{ epoch: number }>(
        `INSERT INTO clawster_shards (shard_id, owner, epoch, acquired_at) VALUES ($1::text, 'me', 1, now())
         ON CONFLICT (shard_id) DO UPDATE SET epoch = clawster_shards.epoch + 1 RETURNING epoch::float8 AS epoch`,
        [shardId]
      )).pipe(Effect.map((rows) => rows[0]!.epoch)),
  phaseOf: (taskId) =>
    Effect.flatMap(PgClient.PgClient, (sql) =>
      sql.unsafe<{ phase: string }>(`SELECT phase FROM clawster_tasks WHERE task_id = $1::text`, [taskId])).pipe(
        Effect.map(([row]) => row?.phase)
      )
})

describe("What a journal on PostgreSQL wakes", () => {
  it.live("is every actor with something under way, however many, each once", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const count = 20_001
      yield* sql.unsafe(
        `INSERT INTO clawster_wakes (entity_type, entity_id, shard_id, due_at, resident)
         SELECT 'Crowd', 'actor-' || n, 'default:1', n % 3, true FROM generate_series(1, ${count}) AS n`
      )
      yield* sql.unsafe(
        `INSERT INTO clawster_outbox (entity_type, entity_id, seq, ordinal, shard_id, target_type, target_id, tag, payload)
         VALUES ('Crowd', 'actor-7', 1, 0, 'default:1', 'Crowd', 'other', 'Tell', '{}')`
      )
      const found = yield* (yield* Journal).wakes(["default:1"], 1_000)
      assert.strictEqual(found.length, count)
      assert.strictEqual(new Set(found.map(({ address }) => address.entityId)).size, count)
      assert.isTrue(found.every(({ dueAt }) => dueAt === 0))
    }).pipe(Effect.provide(layer)))
})
