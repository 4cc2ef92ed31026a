/** A store that refuses is no store that is silent: its cause is told to whoever runs the cluster. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Logger, Redacted } from "effect"
import * as Database from "../../../src/shards/Database.ts"
import * as Membership from "../../../src/shards/reads/Membership.ts"
import { unavailable } from "../../../src/shards/reads/StoreUnavailable.ts"
import { layer as postgres, urlOf } from "../../fixtures/servers/Postgres.ts"

const capture = () => {
  const lines: Array<string> = []
  return { lines, layer: Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]) }
}

const as = (user: string, password: string) =>
  Effect.map(urlOf, (text) => {
    const url = new URL(text)
    url.username = user
    url.password = password
    return Database.layer({ url: Redacted.make(url.toString()) })
  })

layer(postgres, { timeout: 120_000, excludeTestServices: true })("a store that refuses", (it) => {
  it.effect("is found by health: no right to a table, a table that is gone, a read-only database", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* Membership.ping
      yield* sql.unsafe(`CREATE ROLE guest LOGIN PASSWORD 'secret'`)
      yield* sql.unsafe(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest`)
      yield* sql.unsafe(`REVOKE UPDATE ON clawster_tasks FROM guest`)
      const guest = yield* as("guest", "secret")
      const denied = yield* Effect.flip(Effect.scoped(Effect.provide(Membership.ping, guest)))
      assert.strictEqual(denied.message, "this role may not read and write clawster_tasks")
      yield* sql.unsafe(`GRANT UPDATE ON clawster_tasks TO guest`)
      yield* Effect.scoped(Effect.provide(Membership.ping, guest))
      yield* sql.unsafe(`ALTER TABLE clawster_views RENAME TO clawster_views_away`)
      const missing = yield* Effect.flip(Membership.ping)
      yield* sql.unsafe(`ALTER TABLE clawster_views_away RENAME TO clawster_views`)
      assert.strictEqual(missing.message, "the database has no clawster_views")
    })
  )

  it.effect("is told to the caller as unavailable, and its cause is logged once for many calls", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { layer: logger, lines } = capture()
      const reads = Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        () => Effect.exit(unavailable(sql.unsafe(`SELECT * FROM clawster_nothing`))),
        { concurrency: 5 }
      )
      const exits = yield* Effect.provide(reads, logger)
      assert.isTrue(exits.every(Exit.isFailure))
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      assert.match(lines[0]!, /relation "clawster_nothing" does not exist \(42P01\); run clawster migrate/)
    })
  )
})
