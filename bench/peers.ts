/**
 * `npm run bench:peers`: the same trivial durable work on Clawster and on what else there is, in one run on one
 * machine. See README.md.
 */
import { Effect, Redacted } from "effect"
import { type ChildProcess, execFileSync, fork } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cpuOfPostgres, cpuOfTree } from "./harness/cpu.ts"
import { median } from "./harness/measure.ts"
import * as Redis from "./peers/redis.ts"
import * as Options from "./harness/options.ts"
import { begin, runProgram } from "./harness/program.ts"
import * as Report from "./harness/report.ts"
import * as TcpPorts from "../src/resources/TcpPorts.ts"

interface Peer {
  readonly name: string
  /** What npm installs for it; absent: it is part of this repository. */
  readonly packages?: Readonly<Record<string, string>>
  readonly files: ReadonlyArray<string>
  /** Environment that it needs, or why it cannot be had. */
  readonly needs?: (folder: string) => Redis.Redis | string
}

const peers: ReadonlyArray<Peer> = [
  { name: "clawster", files: ["clawster.ts"] },
  { name: "stock", files: ["stock.ts"] },
  {
    name: "restate",
    packages: { "@restatedev/restate-server": "1.7.12", "@restatedev/restate-sdk": "1.17.2", undici: "7.16.0" },
    files: ["restate.mjs", "restate-endpoint.mjs"]
  },
  { name: "dbos", packages: { "@dbos-inc/dbos-sdk": "5.3.0", pg: "8.16.3" }, files: ["dbos.mjs"] },
  { name: "pg-boss", packages: { "pg-boss": "12.33.7" }, files: ["pg-boss.mjs"] },
  { name: "graphile-worker", packages: { "graphile-worker": "0.18.0", pg: "8.16.3" }, files: ["graphile-worker.mjs"] },
  {
    name: "bullmq",
    packages: { bullmq: "6.7.0", ioredis: "5.8.2" },
    files: ["bullmq.mjs", "bullmq-worker.mjs"],
    needs: (folder) => Redis.find(join(folder, "redis")) ?? "no redis-server on the PATH, and apt-get cannot fetch it"
  }
]

interface Load {
  readonly calls: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}
interface Sample extends Load {
  readonly cpuPerCall: number
}

/** The questions, in the words of the table. */
const questions = [
  { id: "task", title: "durable task, awaited, 64 in flight, tasks/s", load: "task", inFlight: 64 },
  { id: "drain", title: "submitted without waiting, until drained, tasks/s", load: "drain", inFlight: 64 },
  { id: "alone", title: "one task at a time, p50 ms", load: "task", inFlight: 1 },
  { id: "keyed", title: "durable keyed call, 1,000 keys, 64 in flight, calls/s", load: "keyed", inFlight: 64 },
  { id: "hot", title: "one hot key, 64 in flight, calls/s", load: "hot", inFlight: 64 }
] as const
type Question = (typeof questions)[number]

const known = peers.map(({ name }) => name)
const usage = `npm run bench:peers -- [--only PEER,PEER] [--rounds N] [--quick] [--directory DIR] [--output FILE]
peers: ${known.join(", ")}`

const { chosen, options, stop } = Options.make(usage, {
  only: { type: "string" },
  rounds: { type: "string" },
  quick: { type: "boolean", default: false },
  directory: { type: "string", default: tmpdir() },
  output: { type: "string", default: fileURLToPath(new URL("results/peers.json", import.meta.url)) }
})
const wanted = chosen(options.only, known, "peer")
wanted.add("clawster")
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) stop("--rounds: a whole number from 1 to 100")
const seconds = options.quick ? 2 : 4
const drainTasks = options.quick ? 2_000 : 8_000

const scripts = fileURLToPath(new URL("peers/", import.meta.url))
const installs = fileURLToPath(new URL("../.clawster/peers/", import.meta.url))
const say = (text: string) => process.stdout.write(`${text}\n`)

/** Its packages and scripts in a folder of its own; nothing of them is a dependency of this package. */
const install = ({ files, name, packages }: Peer): string => {
  if (packages === undefined) return scripts
  const folder = join(installs, name)
  const manifest = JSON.stringify({ name: `peer-${name}`, private: true, type: "module", dependencies: packages })
  const done = join(folder, "installed.json")
  mkdirSync(folder, { recursive: true })
  if (!existsSync(done) || readFileSync(done, "utf8") !== manifest) {
    say(`installing ${name} into ${folder} …`)
    writeFileSync(join(folder, "package.json"), manifest)
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, stdio: "pipe" })
    writeFileSync(done, manifest)
  }
  for (const file of [...files, "serve.mjs", "versions.mjs"]) copyFileSync(join(scripts, file), join(folder, file))
  return folder
}

interface Running {
  readonly name: string
  readonly child: ChildProcess
  readonly version: string
  readonly note: string
  readonly can: ReadonlySet<string>
}

const nextMessage = (child: ChildProcess): Promise<any> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`it ended with ${code}`))
    child.once("exit", ended)
    child.once("message", (message) => {
      child.off("exit", ended)
      resolve(message)
    })
  })

const withTimeout = <A>(promise: Promise<A>, millis: number, what: string): Promise<A> => {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${millis / 1_000} s`)), millis)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const start = async (peer: Peer, folder: string, env: Record<string, string>): Promise<Running> => {
  const child = fork(join(folder, peer.files[0]!), [], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })
  try {
    const { ready } = await withTimeout(nextMessage(child), 90_000, "its start")
    return { name: peer.name, child, version: ready.version, note: ready.note ?? "", can: new Set(ready.can) }
  } catch (error) {
    child.kill("SIGTERM")
    throw error
  }
}

const main = Effect.gen(function* () {
  const { began, postgres, syncMillis } = yield* begin(options.directory)
  const running: Array<Running> = []
  const skipped: Array<{ readonly name: string; readonly why: string }> = []
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(running.map(({ child }) => ended(child)))))

  for (const peer of peers) {
    if (!wanted.has(peer.name)) continue
    const needed = peer.needs?.(join(installs, peer.name)) ?? {}
    if (typeof needed === "string") {
      skipped.push({ name: peer.name, why: needed })
      continue
    }
    const base = peer.name.replaceAll("-", "_")
    const url = yield* postgres.database(base)
    const second = yield* postgres.database(`${base}_2`)
    const port = yield* TcpPorts.freePort
    const env = { PG_URL: Redacted.value(url), PG_URL_2: Redacted.value(second), PEER_PORT: String(port), ...needed }
    const made = yield* Effect.result(
      Effect.tryPromise({
        try: () => Promise.resolve(install(peer)).then((folder) => start(peer, folder, env)),
        catch: String
      })
    )
    if (made._tag === "Success") running.push(made.success)
    else skipped.push({ name: peer.name, why: made.failure.split("\n")[0]! })
  }
  for (const { name, why } of skipped) say(`SKIPPED ${name}: ${why}`)
  say(`${rounds} rounds, peers in turn; median, with min–max\n`)

  const results: Array<Record<string, unknown>> = []
  for (const question of questions) {
    const able = running.filter(({ can }) => can.has(question.load))
    const samples = new Map(able.map(({ name }) => [name, [] as Array<Sample>]))
    for (const peer of able) yield* Effect.ignore(measure(peer, question, 1, Math.min(drainTasks, 1_000), postgres.pid))
    for (let round = 0; round < rounds; round++) {
      for (const peer of able) {
        const sample = yield* Effect.result(measure(peer, question, seconds, drainTasks, postgres.pid))
        if (sample._tag === "Success") samples.get(peer.name)!.push(sample.success)
        else say(`${peer.name} failed at ${question.id}: ${sample.failure}`)
      }
    }
    const rows = summarise(question, able, samples)
    results.push(...rows.map((row) => row.json))
    say(`${question.title}\n${Report.align([header, ...rows.map((row) => row.cells)])}\n`)
  }
  writeResults(began, results, skipped, running, syncMillis)
}).pipe(Effect.scoped)

/** Four in a row. */

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("exit", () => resolve())
    child.disconnect()
    setTimeout(() => child.kill("SIGKILL"), 5_000).unref()
  })

const measure = ({ child }: Running, { inFlight, load }: Question, time: number, calls: number, postmaster: number) =>
  Effect.tryPromise({
    try: async (): Promise<Sample> => {
      const cpu = () => cpuOfTree(child.pid!) + cpuOfPostgres(postmaster)
      const before = cpu()
      child.send({ load, options: { inFlight, seconds: time, calls } })
      const answer = await withTimeout(nextMessage(child), 180_000, load)
      if (answer.failed !== undefined) throw new Error(answer.failed)
      const measured = answer.measured as Load
      return { ...measured, cpuPerCall: (cpu() - before) / measured.calls }
    },
    catch: (error) => (error instanceof Error ? error.message : String(error))
  })

const header = ["peer", "figure", "min–max", "Clawster is", "p50 ms", "p99 ms", "CPU ms/call", "how"]

const summarise = ({ id }: Question, able: ReadonlyArray<Running>, samples: Map<string, ReadonlyArray<Sample>>) => {
  const isTime = id === "alone"
  const valueOf = (sample: Sample) => (isTime ? sample.p50 : sample.perSecond)
  const valuesOf = (name: string) => samples.get(name)!.map(valueOf)
  const ours = median(valuesOf("clawster"))
  return able
    .filter(({ name }) => samples.get(name)!.length > 0)
    .map(({ name, note, version }) => {
      const found = samples.get(name)!
      const value = median(valuesOf(name))
      const times = isTime ? value / ours : ours / value
      const cpu = median(found.map(({ cpuPerCall }) => cpuPerCall))
      const [p50, p99] = [median(found.map((s) => s.p50)), median(found.map((s) => s.p99))]
      return {
        value: isTime ? -value : value,
        cells: [
          `${name} ${version}`,
          Report.figure(value),
          Report.range(valuesOf(name)),
          name === "clawster" ? "" : `${times.toFixed(1)}× as fast`,
          Report.figure(p50),
          Report.figure(p99),
          cpu.toFixed(2),
          note
        ],
        json: {
          id,
          peer: name,
          version,
          value,
          unit: isTime ? "ms" : "per second",
          clawsterTimes: times,
          p50,
          p99,
          cpuPerCall: cpu
        }
      }
    })
    .sort((a, b) => b.value - a.value)
}

const writeResults = (
  began: Report.Circumstances,
  rows: ReadonlyArray<Record<string, unknown>>,
  skipped: ReadonlyArray<unknown>,
  running: ReadonlyArray<Running>,
  syncMillis: number
): void => {
  const rounded = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [key, typeof value === "number" ? Number(value.toPrecision(4)) : value])
    )
  )
  const how = Object.fromEntries(running.map(({ name, note }) => [name, note]))
  Report.save(options.output, {
    ...Report.ended(began),
    rounds,
    quick: options.quick,
    syncMillis,
    how,
    skipped,
    rows: rounded
  })
  say(`written to ${options.output}`)
}

await runProgram(main)
