import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import * as PgJournal from "../../src/shards/PgJournal.ts"
import { conformance } from "../conformance/Journal.ts"
import * as Postgres from "../fixtures/Postgres.ts"

conformance({
  name: "PostgreSQL",
  layer: PgJournal.layer.pipe(Layer.provideMerge(Postgres.layer)),
  grant: (shardId) =>
    Effect.flatMap(PgClient.PgClient, (sql) =>
      sql.unsafe<{ epoch: number }>(
        `INSERT INTO clawster_shards (shard_id, owner, epoch, acquired_at) VALUES ($1::text, 'me', 1, now())
         ON CONFLICT (shard_id) DO UPDATE SET epoch = clawster_shards.epoch + 1 RETURNING epoch::float8 AS epoch`,
        [shardId]
      )).pipe(Effect.map((rows) => rows[0]!.epoch))
})
