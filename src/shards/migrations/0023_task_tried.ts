/**
 * The instances on which a task's attempts failed, so that the next one is tried elsewhere also when its lane has
 * dropped the task from memory meanwhile. Adds a column without a default, which changes the catalogue only (an
 * exclusive lock for an instant). Null: none has failed, or an older version wrote the row.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`ALTER TABLE clawster_tasks ADD COLUMN IF NOT EXISTS tried json`)
})
