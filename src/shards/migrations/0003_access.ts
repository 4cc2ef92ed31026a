/** Hashed API keys, and the payload fingerprint that each idempotency key stood for. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_keys (
      key_id text PRIMARY KEY,
      hash text NOT NULL,
      name text NOT NULL,
      role text NOT NULL,
      tenant_id text,
      created_at bigint NOT NULL,
      revoked_at bigint
    )`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_idempotency (
      owner text NOT NULL,
      key text NOT NULL,
      fingerprint text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (owner, key)
    )`)
  yield* sql.unsafe(`CREATE INDEX clawster_idempotency_age ON clawster_idempotency (created_at)`)
})
