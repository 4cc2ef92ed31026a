/**
 * Which actors have ended, so that they can be removed together with their history (Forgetting.ts), and the counts of
 * removed lanes. Adds a column without a default, which changes the catalogue only, and a partial index that begins
 * empty: building it reads `clawster_snapshots` once and blocks its writes meanwhile, about a second for a million
 * actors.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Null: a runner of an older version wrote the snapshot, and it has not been classified yet.
  yield* sql.unsafe(`ALTER TABLE clawster_snapshots ADD COLUMN IF NOT EXISTS ended boolean`)
  yield* sql.unsafe(`
    CREATE INDEX IF NOT EXISTS clawster_snapshots_ended ON clawster_snapshots (entity_type, entity_id) WHERE ended`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_past_counts (
      tenant_id text PRIMARY KEY,
      completed bigint NOT NULL,
      failed bigint NOT NULL,
      cancelled bigint NOT NULL
    )`)
})
