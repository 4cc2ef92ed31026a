/**
 * The tenant of a journal entry, so that a tenant's feed can be read through an index (EntryTenant.ts, Indexes.ts): the
 * tenant; `*` when the events are of several; empty when no event is shown to a tenant; null for entries of older
 * versions.
 *
 * Reads no rows, and locks the journal for a moment.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`ALTER TABLE clawster_journal ADD COLUMN tenant_id text`)
})
