/** A runner process with a key: what its actors store, and what it reports. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "../../src/resources/TcpPorts.ts"
import * as Home from "../fixtures/processes/Home.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import { secretKeysText } from "../fixtures/SecretKeys.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import { until } from "../fixtures/Until.ts"

const script = fileURLToPath(new URL("../../src/runners/runner.ts", import.meta.url))
const token = "tok-declared-77ac1"
const declared = [
  { instanceId: "far", driver: "remote", placement: "default", endpoint: { url: "ws://127.0.0.1:1", token } }
]

it.layer(Postgres.layer, { timeout: "120 seconds", excludeTestServices: true })("A runner with a key", (it) => {
  it.effect("encrypts the token of a declared instance, and reports the key's id", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { url } = yield* Postgres.TestPostgres
      const home = yield* Home.make
      mkdirSync(home, { recursive: true })
      const file = join(home, "instances.json")
      writeFileSync(file, JSON.stringify(declared))
      yield* Processes.start(script, [], {
        ready: "runner is ready",
        timeoutMillis: 120_000,
        env: {
          DATABASE_URL: Redacted.value(url),
          CLAWSTER_HOME: home,
          CLAWSTER_HOST_NAME: "test-host",
          CLAWSTER_RUNNER_PORT: String(yield* freePort),
          CLAWSTER_DRIVERS: "remote",
          CLAWSTER_INSTANCES: file,
          CLAWSTER_SECRET_KEYS: secretKeysText("k1")
        }
      })
      const events = sql.unsafe<{ readonly text: string }>(
        `SELECT string_agg(events::text, '') AS text FROM clawster_journal WHERE entity_type = 'Instance'`
      )
      yield* until(
        "the instance is registered",
        Effect.map(events, ([row]) => row?.text?.includes("instance.registered") === true),
        "60 seconds"
      )
      const [stored] = yield* events
      assert.include(stored!.text, `"$secret":"v1","key":"k1"`)
      assert.notInclude(stored!.text, token)
      yield* until(
        "the key is reported",
        Effect.map(
          sql.unsafe(`SELECT 1 FROM clawster_runner_reports WHERE report ->> 'secretKey' = 'k1'`),
          (rows) => rows.length === 1
        ),
        "60 seconds"
      )
    })
  )
})
