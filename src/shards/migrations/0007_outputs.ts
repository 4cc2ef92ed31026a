/**
 * Long outputs of runs, in pieces; `owner` is `task/ID` or `turn/SESSION/TURN`. Creates a new table, so no existing
 * table is locked.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_outputs (
      tenant_id text NOT NULL,
      owner text COLLATE "C" NOT NULL,
      run_key text COLLATE "C" NOT NULL,
      piece int NOT NULL,
      pieces int NOT NULL,
      characters int NOT NULL,
      text text NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant_id, owner, run_key, piece)
    )`)
  yield* sql.unsafe(`CREATE INDEX IF NOT EXISTS clawster_outputs_age ON clawster_outputs (at)`)
})
