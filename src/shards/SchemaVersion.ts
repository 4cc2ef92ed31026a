/** Whether the database has the tables that this version of Clawster expects, asked when a process starts. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { loader } from "./Migrations.ts"
import { DatabaseFault, faultOf } from "./postgres/DatabaseFault.ts"

/** The highest migration that was applied; 0 for none. */
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

/** What this version's code expects of the tables. */
export const newest = Effect.map(loader, (migrations) => Math.max(...migrations.map(([id]) => id)))

/**
 * Undefined: it is what is expected, or newer, which old processes can live with while a cluster is brought up to date.
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

/** Refuses a database that was not migrated for this version. One that is newer is told. */
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
