/** The PostgreSQL of a run: its own, fsync on, in a directory that goes with it. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import * as EmbeddedPostgres from "../../src/shards/postgres/EmbeddedPostgres.ts"
import { parentOf } from "./cpu.ts"
import { median } from "./measure.ts"

const onDatabase = (url: Redacted.Redacted, name: string): Redacted.Redacted => {
  const changed = new URL(Redacted.value(url))
  changed.pathname = `/${name}`
  return Redacted.make(changed.toString())
}

export const start = Effect.fnUntraced(function* (parent: string) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(parent, "clawster-bench-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const { url } = yield* EmbeddedPostgres.start({ directory })
  const admin = PgClient.layer({ url, maxConnections: 1 })
  const database = (name: string) =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* sql.unsafe(`CREATE DATABASE ${name}`)
      return onDatabase(url, name)
    }).pipe(Effect.provide(admin), Effect.orDie)
  const pid = yield* PgClient.PgClient.pipe(
    Effect.flatMap((sql) => sql.unsafe<{ pid: number }>("SELECT pg_backend_pid() AS pid")),
    Effect.map((rows) => parentOf(rows[0]!.pid)),
    Effect.provide(admin),
    Effect.orDie
  )
  return { pid, database }
})

/** Milliseconds of one synced 8 kB write there: what a commit costs at least. */
export const syncMillis = (parent: string): number => {
  const directory = mkdtempSync(join(parent, "clawster-sync-"))
  const file = openSync(join(directory, "probe"), "w")
  const block = Buffer.alloc(8_192, 1)
  const samples = Array.from({ length: 200 }, () => {
    const startedAt = performance.now()
    writeSync(file, block, 0, block.length, 0)
    fsyncSync(file)
    return performance.now() - startedAt
  })
  closeSync(file)
  rmSync(directory, { recursive: true, force: true })
  return Number(median(samples).toFixed(3))
}
