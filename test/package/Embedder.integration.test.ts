/**
 * What somebody else gets who installs the package: examples/ledger is compiled from the types of the tarball and run
 * by plain Node, in one process, on a cluster, and on a simulated one.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync, mkdtempSync, rmSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import { EmbedderProject } from "./EmbedderProject.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const versionOf = (directory: string): string =>
  JSON.parse(readFileSync(join(directory, "package.json"), "utf8")).version

const ledgers = ["ada", "bob", "cyd", "dan"]
const refusals = ledgers.map(() => "Overdrawn")

/** Of each ledger: one deposit of 1,000, and payments of 100 and 250. */
const everything = {
  totals: { payments: 8, cents: 1_400 },
  salaries: ledgers.map(() => 1_000),
  balances: ledgers.map(() => 650),
  views: ledgers.map(() => ({ balance: 650, planned: 0, paid: 2 })),
  rows: ledgers.flatMap((ledger) => [
    { ledger, number: 1, cents: 100, paid: true },
    { ledger, number: 2, cents: 250, paid: true }
  ]),
  bank: ledgers.flatMap((ledger) => [
    { key: `${ledger}/1`, cents: 100 },
    { key: `${ledger}/2`, cents: 250 }
  ])
}

/** The second payments are due this long after they were planned: after their owner was killed. */
const laterMillis = 4_000

/** A runner of compiled files starts in two seconds; a machine that has other work is given time. */
const startMillis = 180_000

const options = { timeout: "600 seconds", excludeTestServices: true } as const

layer(EmbedderProject.layer, options)("a project with the packed package", (it) => {
  it.effect("names the versions that this repository has installed, and finds the command line", () =>
    Effect.gen(function* () {
      const { installed, wanted } = yield* EmbedderProject
      for (const [name, version] of Object.entries(wanted)) {
        const directory = name === "clawster" ? installed : join(root, "node_modules", name)
        assert.strictEqual(versionOf(directory), version, name)
      }
      const started = spawnSync(process.execPath, [join(installed, "bin", "clawster.mjs"), "--version"])
      assert.strictEqual(String(started.stdout), `clawster ${wanted["clawster"]}\n`)
    })
  )

  it.effect("runs actors in one process with its own PostgreSQL", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-ledger-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      const seen = yield* (yield* EmbedderProject).run("embedded", [directory])
      assert.deepStrictEqual(seen, { refusals, ...everything })
    })
  )

  it.effect(
    "keeps on a cluster what a killed runner had decided, and does once what it had planned",
    () =>
      Effect.gen(function* () {
        const { program, run } = yield* EmbedderProject
        const env = { DATABASE_URL: yield* Postgres.urlOf }
        yield* run("client", ["migrate"], env)
        const start = Effect.gen(function* () {
          const port = yield* TcpPorts.freePort
          const runner = yield* Processes.start(program("runner"), [String(port)], { env, timeoutMillis: startMillis })
          return { ...runner, address: `127.0.0.1:${port}` }
        })
        const runners = yield* Effect.all([start, start], { concurrency: 2 })
        const planned = yield* run("client", ["plan", String(laterMillis)], env)
        assert.deepStrictEqual(planned.refusals, refusals)
        const owner = runners.find(({ address }) => address === planned.owners.ada)
        const survivor = runners.find((runner) => runner !== owner)!
        yield* owner!.signal("SIGKILL")
        assert.deepStrictEqual(yield* run("client", ["see"], env), everything)
        yield* survivor.signal("SIGTERM")
        yield* survivor.exited
      }).pipe(Effect.provide(Postgres.TestPostgres.layer)),
    600_000
  )

  it.effect("keeps every guarantee on a simulated cluster, which finds the bugs that are planted", () =>
    Effect.gen(function* () {
      const { planted, runs } = yield* (yield* EmbedderProject).run("simulation", ["3"])
      assert.strictEqual(runs.length, 3)
      for (const { faults, payments, violations } of runs) {
        assert.deepStrictEqual(violations, [])
        assert.isAbove(faults, 2)
        assert.isAbove(payments, 50)
      }
      assert.match(planted.forgetful.violations[0], /^I13/)
      assert.match(planted.impatient.violations[0], /^paid once/)
      assert.deepStrictEqual(planted.impatientInPeace.violations, [])
    })
  )
})
