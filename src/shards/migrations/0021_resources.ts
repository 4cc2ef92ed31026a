/**
 * Immutable documents that actors decide with (actor/Resources.ts), and which actor uses which. Adds two empty tables
 * and an index.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_resources (
      key text PRIMARY KEY,
      body json NOT NULL,
      put_at timestamptz NOT NULL DEFAULT now()
    )`)
  yield* sql.unsafe(`CREATE INDEX clawster_resources_age ON clawster_resources (put_at)`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_resource_uses (
      entity_type text NOT NULL,
      entity_id text NOT NULL,
      resource_key text,
      PRIMARY KEY (entity_type, entity_id)
    )`)
  yield* sql.unsafe(`CREATE INDEX clawster_resource_uses_key ON clawster_resource_uses (resource_key)`)
})
