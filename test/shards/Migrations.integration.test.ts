import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Postgres from "../fixtures/servers/Postgres.ts"

it.layer(Postgres.layer, { timeout: 60_000, excludeTestServices: true })("the migrated database", (it) => {
  it.effect(
    "has those indexes on the journal that its statements go by, and no other to keep up with each commit",
    () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const indexes = yield* sql.unsafe<{ name: string }>(
          `SELECT indexname AS name FROM pg_indexes WHERE tablename = 'clawster_journal' ORDER BY 1`
        )
        assert.deepStrictEqual(
          indexes.map(({ name }) => name),
          ["clawster_journal_feed", "clawster_journal_pkey", "clawster_journal_request", "clawster_journal_tenant"]
        )
      })
  )
})
