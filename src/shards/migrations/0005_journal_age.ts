/**
 * Drops the index of the journal by time. Pruning and the reads of a stretch of time go by the feed's order, which is
 * nearly that of time.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export const journalAge = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`DROP INDEX IF EXISTS clawster_journal_age`)
})
