/**
 * Migrates the database and prints the applied migrations. When there is no API key yet, creates the first one, for an
 * administrator, and prints it once.
 */
import { Effect, Layer } from "effect"
import { KeyService } from "../auth/KeyService.ts"
import * as Observability from "../observability/Observability.ts"
import * as Database from "../shards/Database.ts"
import { migrate } from "../shards/Migrations.ts"
import * as PgKeyStores from "../shards/reads/PgKeyStores.ts"
import { main } from "./launch/Launch.ts"
import * as EnvironmentCheck from "./settings/EnvironmentCheck.ts"

const say = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))

const firstKey = Effect.gen(function* () {
  const keys = yield* KeyService
  if ((yield* keys.list).length > 0) return
  const { token } = yield* keys.create({ name: "first administrator", role: "admin" })
  yield* say(`first API key, an administrator's, told only now: ${token}`)
})

const work = Effect.gen(function* () {
  const applied = yield* migrate
  yield* say(applied.length === 0 ? "the database is up to date" : `applied ${applied.join(", ")}`)
  yield* firstKey
}).pipe(
  Effect.provide(KeyService.layer.pipe(Layer.provide(PgKeyStores.layer), Layer.provideMerge(Database.layerConfig)))
)

export const run = Effect.andThen(
  EnvironmentCheck.refuse("migrate"),
  Effect.andThen(EnvironmentCheck.tellUnknown, work).pipe(Effect.provide(Observability.layer("migrate")))
)

if (import.meta.main) main(run)
