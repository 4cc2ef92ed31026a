/**
 * What runners report about themselves and their instances every few seconds, and the instances that were deregistered
 * without their runner. Creates tables only, so it locks nothing. The first two tables are unlogged: they cost no
 * write-ahead log, and are written again seconds after PostgreSQL has lost them.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE UNLOGGED TABLE clawster_heartbeats (
      entity_id text PRIMARY KEY,
      at timestamptz NOT NULL
    ) WITH (fillfactor = 50)`)
  yield* sql.unsafe(`
    CREATE UNLOGGED TABLE clawster_runner_reports (
      address text PRIMARY KEY,
      report json NOT NULL,
      at timestamptz NOT NULL
    ) WITH (fillfactor = 50)`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_tombstones (
      entity_id text PRIMARY KEY,
      at timestamptz NOT NULL
    )`)
})
