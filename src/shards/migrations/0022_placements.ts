/**
 * When each placement last had a runner: written when the row of a runner is removed or replaced, since until then that
 * row says it. Creates a table, and fills it from the owners of shards so far, which it reads; it locks nothing that
 * runs.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_placements (
      placement text PRIMARY KEY,
      seen_at timestamptz NOT NULL
    )`)
  yield* sql.unsafe(`
    INSERT INTO clawster_placements (placement, seen_at)
    SELECT split_part(shard_id, ':', 1), max(acquired_at) FROM clawster_shards GROUP BY 1`)
})
