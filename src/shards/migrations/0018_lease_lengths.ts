/**
 * How long the lease of each runner is, so that its peers and the gateways measure by it how late the runner is. Adds a
 * column with a constant default, which changes the catalogue only.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // The default is the default lease: a runner of an older version does not write the column.
  yield* sql.unsafe(`ALTER TABLE clawster_runners ADD COLUMN IF NOT EXISTS lease_millis integer NOT NULL DEFAULT 6000`)
})
