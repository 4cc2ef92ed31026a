/** Checks at process start whether the database has the tables that this version of Clawster expects. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { loader } from "./Migrations.ts"
import { DatabaseFault, faultOf } from "./postgres/DatabaseFault.ts"

/** Id of the highest migration applied; 0 when there is none. */
export const applied = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const [table] = yield* sql.unsafe<{ readonly exists: boolean }>(
    `SELECT to_regclass('clawster_migrations') IS NOT NULL AS exists`
  )
  if (table?.exists !== true) return 0
  const rows = yield* sql.unsafe<{ readonly id: number }>(
    `SELECT coalesce(max(migration_id), 0)::float8 AS id FROM clawster_migrations`
  )
  return rows[0]!.id
})

const four = (id: number) => String(id).padStart(4, "0")

/** Id of the newest migration, which this version's code requires. */
export const newest = Effect.map(loader, (migrations) => Math.max(...migrations.map(([id]) => id)))

/**
 * Undefined when the schema is the required one or newer. Old processes can run on a newer schema while a cluster is
 * being upgraded.
 */
export const fault = (found: number, newestMigration: number): DatabaseFault | undefined =>
  found >= newestMigration
    ? undefined
    : new DatabaseFault({
        code: "SCHEMA",
        message:
          found === 0
            ? "the database has none of Clawster's tables"
            : `the database's tables are of migration ${four(found)}, this version needs ${four(newestMigration)}`,
        advice: "run clawster migrate, with the same DATABASE_URL"
      })

/** Fails when the database was not migrated for this version, and logs a warning when its schema is newer. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const found = yield* Effect.mapError(applied, (error) => faultOf(error)!)
    const newestMigration = yield* newest
    const refusal = fault(found, newestMigration)
    if (refusal !== undefined) return yield* refusal
    if (found > newestMigration) {
      yield* Effect.logWarning(
        `The database's tables are of migration ${four(found)}, newer than this version knows (${four(newestMigration)}); bring this process up to date`
      ).pipe(Effect.annotateLogs({ event: "schema.newer", found, known: newestMigration }))
    }
  })
)
