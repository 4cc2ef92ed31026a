/** The tables of this program beside the package's: the one that ledgers write, and the bank's. */
import { Database, migrate } from "clawster"
import { Config, Effect, Layer } from "effect"
import { Migrator, SqlClient } from "effect/sql"

const payments = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE clawster_ledger_payments (
    ledger text, number int, cents int NOT NULL, paid boolean NOT NULL, PRIMARY KEY (ledger, number)
  )`
  yield* sql`CREATE TABLE bank (key text PRIMARY KEY, cents int NOT NULL, runner text NOT NULL)`
})

const own = Migrator.make({})({
  loader: Migrator.fromRecord({ "0001_payments": payments }),
  table: "ledger_migrations"
})

/** Makes the package's tables and then ours. One process does it, before the others start. */
export const migrated = Effect.andThen(migrate, own)

export const database = Layer.unwrap(Effect.map(Config.Redacted("DATABASE_URL"), (url) => Database.layer({ url })))
