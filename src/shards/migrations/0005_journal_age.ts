/**
 * Drops the journal's index by time. Pruning and reads of a time range use the feed's order, which is nearly time
 * order.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`DROP INDEX IF EXISTS clawster_journal_age`)
})
