import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { TestPostgres } from "../fixtures/servers/Postgres.ts"

const script = fileURLToPath(new URL("../../src/runners/migrate.ts", import.meta.url))

it.live("migrate tells the first key once, and says when there is nothing to do", () =>
  Effect.gen(function* () {
    const { url } = yield* TestPostgres
    const run = Effect.sync(() =>
      spawnSync(process.execPath, [script], {
        env: { ...process.env, DATABASE_URL: Redacted.value(url), CLAWSTER_LOG_LEVEL: "Error" },
        encoding: "utf8"
      })
    )
    const first = yield* run
    assert.strictEqual(first.status, 0, first.stderr)
    assert.match(first.stdout, /^applied 0001_actors/m)
    assert.match(first.stdout, /claw_[a-z0-9]+_[0-9a-f]{64}/)
    const second = yield* run
    assert.strictEqual(second.status, 0, second.stderr)
    assert.match(second.stdout, /the database is up to date/)
    assert.notMatch(second.stdout, /claw_/)
  }).pipe(Effect.provide(TestPostgres.layer))
)
