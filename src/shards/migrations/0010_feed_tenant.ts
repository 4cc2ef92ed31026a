/**
 * Whose events a journal entry has, so that a tenant's feed is read by an index (EntryTenant.ts, Indexes.ts): the
 * tenant; `*` when they are of several; empty when no event of it is shown to a tenant. Entries of older versions have
 * none.
 *
 * Reads nothing, and locks the journal for a moment.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export const feedTenant = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`ALTER TABLE clawster_journal ADD COLUMN tenant_id text`)
})
