/**
 * The keys that secrets were ever encrypted with, by their ids, and how far the sweep has come that encrypts what is in
 * clear or under another key. Holds no key. Creates tables only, so it locks nothing.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // `uses` is null until a sweep has counted the secrets under the key.
  yield* sql.unsafe(`
    CREATE TABLE clawster_secret_keys (
      key_id text PRIMARY KEY,
      proof json NOT NULL,
      uses bigint
    )`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_secret_sweeps (
      single boolean PRIMARY KEY DEFAULT true CHECK (single),
      key_id text NOT NULL,
      in_clear bigint NOT NULL,
      under_others bigint NOT NULL,
      ended_at timestamptz NOT NULL
    )`)
})
