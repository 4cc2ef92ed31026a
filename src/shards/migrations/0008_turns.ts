/**
 * Turns of sessions: each row is owned by its session and kept as long as tasks are. Creates a new table, so no
 * existing table is locked.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_turns (
      tenant_id text NOT NULL,
      session_id text COLLATE "C" NOT NULL,
      turn_id text COLLATE "C" NOT NULL,
      phase text NOT NULL,
      message text NOT NULL,
      text text,
      stored json,
      error json,
      usage json,
      accepted_at bigint NOT NULL,
      started_at bigint,
      ended_at bigint,
      PRIMARY KEY (tenant_id, session_id, turn_id)
    )`)
  yield* sql.unsafe(`
    CREATE INDEX IF NOT EXISTS clawster_turns_newest ON clawster_turns (tenant_id, session_id, accepted_at, turn_id)`)
  yield* sql.unsafe(
    `CREATE INDEX IF NOT EXISTS clawster_turns_ended ON clawster_turns (ended_at) WHERE ended_at IS NOT NULL`
  )
})
