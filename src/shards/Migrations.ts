/**
 * The migrations are the files of migrations/, by the number that their names begin with. Each has its effect as
 * default export. They only go forward, and a released one is never edited.
 */
import { Effect } from "effect"
import { Migrator } from "effect/sql"
import { readdirSync } from "node:fs"
import * as Indexes from "./Indexes.ts"
import * as Timelines from "./journal/Timelines.ts"

const folder = new URL("./migrations/", import.meta.url)

/** Of the sources, and of what is built of them. Fails with `MigrationError` when the folder cannot be read. */
export const loader: Migrator.Loader = Effect.try({
  try: () => readdirSync(folder),
  catch: (cause) =>
    new Migrator.MigrationError({ kind: "ImportError", cause, message: `${folder.pathname} cannot be read` })
}).pipe(
  Effect.flatMap((files) =>
    Migrator.fromGlob(Object.fromEntries(files.map((file) => [file, () => import(new URL(file, folder).href)])))
  )
)

/**
 * Applies pending migrations, builds the indexes (Indexes.ts) and ensures the feed's timeline (Timelines.ts). Safe to
 * run from several processes at once. Returns the names of the migrations that this call applied.
 */
export const migrate = Migrator.make({})({ loader, table: "clawster_migrations" }).pipe(
  Effect.map((applied) => applied.map(([id, name]) => `${String(id).padStart(4, "0")}_${name}`)),
  Effect.retry({ times: 20, while: (error) => error._tag === "MigrationError" && error.kind === "Locked" }),
  Effect.tap(() => Indexes.build),
  Effect.tap(() => Timelines.ensure)
)
