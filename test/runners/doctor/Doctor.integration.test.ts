/** The doctor, as an operator runs it: what it finds on a real database, and its exit code. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Finding } from "../../../src/runners/doctor/Finding.ts"
import * as Database from "../../../src/shards/Database.ts"
import { migrate } from "../../../src/shards/Migrations.ts"
import * as Home from "../../fixtures/processes/Home.ts"
import { freePort } from "../../../src/resources/TcpPorts.ts"
import { TestPostgres } from "../../fixtures/servers/Postgres.ts"

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))

const doctor = Effect.fnUntraced(function* (env: Record<string, string>) {
  const home = yield* Home.make
  const [runnerPort, httpPort] = [yield* freePort, yield* freePort]
  return yield* Effect.callback<{
    readonly code: number | null
    readonly findings: ReadonlyArray<Finding>
    readonly stderr: string
  }>((resume) => {
    const child = spawn(process.execPath, [main, "doctor", "--json"], {
      env: {
        ...process.env,
        CLAWSTER_HOME: home,
        CLAWSTER_RUNNER_PORT: String(runnerPort),
        CLAWSTER_HTTP_PORT: String(httpPort),
        CLAWSTER_DRIVERS: "remote",
        ...env
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (chunk) => (stdout += String(chunk)))
    child.stderr.on("data", (chunk) => (stderr += String(chunk)))
    child.on("close", (code) =>
      resume(
        Effect.sync(() => ({ code, findings: (JSON.parse(stdout) as { findings: Array<Finding> }).findings, stderr }))
      )
    )
    return Effect.sync(() => void child.kill("SIGKILL"))
  })
}, Effect.scoped)

const of = (findings: ReadonlyArray<Finding>, check: string) => findings.filter((finding) => finding.check === check)

layer(TestPostgres.layer, { timeout: 120_000, excludeTestServices: true })("the doctor", (it) => {
  it.effect("fails before the database is migrated, and passes after", () =>
    Effect.gen(function* () {
      const { url } = yield* TestPostgres
      const env = { DATABASE_URL: Redacted.value(url), CLAWSTER_RUNNER_HOTS: "x" }
      const before = yield* doctor(env)
      assert.strictEqual(before.code, 1, before.stderr)
      assert.deepInclude(of(before.findings, "schema")[0], { level: "fail" })
      assert.match(of(before.findings, "schema")[0]?.advice ?? "", /clawster migrate/)
      assert.match(of(before.findings, "settings")[0]?.found ?? "", /did you mean CLAWSTER_RUNNER_HOST/)
      yield* Effect.scoped(Effect.provide(migrate, Database.layer({ url })))
      const after = yield* doctor(env)
      assert.deepStrictEqual(
        after.findings.filter(({ level }) => level === "fail"),
        []
      )
      assert.strictEqual(after.code, 0, after.stderr)
      for (const check of [
        "database",
        "schema",
        "privileges",
        "encryption",
        "durability",
        "clock",
        "connections",
        "disk",
        "node",
        "port"
      ]) {
        assert.isNotEmpty(of(after.findings, check), check)
      }
    })
  )

  it.effect("says which runner cannot be reached, that a model is silent, and why the database refuses", () =>
    Effect.gen(function* () {
      const { url } = yield* TestPostgres
      const closed = yield* freePort
      yield* Effect.gen(function* () {
        yield* migrate
        const sql = yield* PgClient.PgClient
        yield* sql.unsafe(
          `INSERT INTO clawster_runners (address, runner, healthy, lease_until) VALUES ($1, '{}', true, now() + interval '1 hour')`,
          [`127.0.0.1:${closed}`]
        )
      }).pipe(Effect.provide(Database.layer({ url })), Effect.scoped)
      const { code, findings } = yield* doctor({
        DATABASE_URL: Redacted.value(url),
        CLAWSTER_MODEL: JSON.stringify({
          name: "mine",
          baseUrl: `http://127.0.0.1:${closed}/v1`,
          apiKey: "hush-hush",
          model: "m"
        })
      })
      assert.strictEqual(code, 1)
      assert.match(of(findings, "runners")[0]?.found ?? "", /is healthy and cannot be reached from here/)
      assert.match(of(findings, "model")[0]?.found ?? "", /does not answer/)
      assert.notInclude(JSON.stringify(findings), "hush-hush")
      const wrong = new URL(Redacted.value(url))
      wrong.password = "wrong"
      const refused = yield* doctor({ DATABASE_URL: wrong.toString() })
      assert.match(of(refused.findings, "database")[0]?.found ?? "", /password authentication failed/)
    })
  )
})
