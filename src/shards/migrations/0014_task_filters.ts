/**
 * Columns by which tasks are looked up: the code of the latest error, the session and the workspace. Only the catalogue
 * changes (an exclusive lock for an instant). Existing rows keep null, so these three filters do not find older tasks.
 * The indexes are built separately and online (Indexes.ts).
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    ALTER TABLE clawster_tasks
      ADD COLUMN IF NOT EXISTS error_code text,
      ADD COLUMN IF NOT EXISTS session_id text,
      ADD COLUMN IF NOT EXISTS workspace_id text`)
})
