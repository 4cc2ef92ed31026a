/**
 * Which runner left because it could not serve, and when: a single row, so that not all runners leave at once. Creates
 * a table only, so it locks nothing.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_departures (
      single boolean PRIMARY KEY DEFAULT true CHECK (single),
      address text NOT NULL,
      at timestamptz NOT NULL
    )`)
})
