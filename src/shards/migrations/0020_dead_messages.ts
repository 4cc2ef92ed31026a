/**
 * Messages between actors that their receiver could not process (DeadMessageRow.ts). Adds an empty table with indexes
 * by number, under which an operator names a message, and by age, for retention and the health check.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_dead_messages (
      target_type text NOT NULL,
      target_id text NOT NULL,
      message_id text NOT NULL,
      tag text NOT NULL,
      payload json NOT NULL,
      reason text NOT NULL,
      error text NOT NULL,
      at bigint NOT NULL,
      number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      PRIMARY KEY (target_type, target_id, message_id)
    )`)
  yield* sql.unsafe(`CREATE INDEX clawster_dead_messages_age ON clawster_dead_messages (at)`)
})
