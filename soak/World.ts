/**
 * What runs: PostgreSQL, three runners, a gateway process, OpenClaw gateways, each a process as in production, its log
 * in a file of the run's home.
 */
import { Effect, Layer, Redacted, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { KeyService } from "../src/auth/KeyService.ts"
import * as DemoModel from "../src/openclaw/demo/DemoModel.ts"
import * as TcpPorts from "../src/resources/TcpPorts.ts"
import * as Database from "../src/shards/Database.ts"
import * as EmbeddedPostgres from "../src/shards/postgres/EmbeddedPostgres.ts"
import { migrate } from "../src/shards/Migrations.ts"
import * as PgKeyStores from "../src/shards/reads/PgKeyStores.ts"
import * as RealCluster from "../test/fixtures/servers/RealCluster.ts"
import type { Form } from "./Forms.ts"

const entryOf = (name: string) => fileURLToPath(new URL(`../src/runners/${name}.ts`, import.meta.url))

export interface Member {
  readonly name: string
  readonly metricsUrl: string
  /** Undefined while it is down. */
  readonly pid: () => number | undefined
  /** Ends it with SIGKILL, and starts it again after `downMillis`. */
  readonly kill: (downMillis: number) => Effect.Effect<void>
}

export interface Places {
  readonly home: string
  readonly logs: string
  readonly gateways: string
}

/** Nothing that the process that started this one says of Clawster may reach its members. */
const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(CLAWSTER|OTEL|DATABASE|NODE_OPTIONS)/.test(name))
  )

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

const ended = (child: ChildProcess) =>
  Effect.sync(() => !isRunning(child)).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("50 millis") }),
    Effect.asVoid
  )

const answers = (url: string) =>
  Effect.promise((signal) =>
    fetch(url, { signal }).then(
      ({ ok }) => ok,
      () => false
    )
  ).pipe(Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.succeed(false) }))

const member = Effect.fnUntraced(function* (
  name: string,
  entry: string,
  places: Places,
  metricsUrl: string,
  env: Record<string, string>,
  fault: (what: string) => void
) {
  let current: ChildProcess | undefined
  let expected = false
  const start = Effect.gen(function* () {
    const log = openSync(join(places.logs, `${name}.log`), "a")
    const child = spawn(process.execPath, [entryOf(entry)], {
      env: { ...inherited(), ...env },
      stdio: ["ignore", log, log]
    })
    closeSync(log)
    current = child
    child.once("exit", (code, signal) => {
      if (current !== child) return
      current = undefined
      if (!expected) fault(`${name} ended by itself with ${code ?? signal}; see ${join(places.logs, `${name}.log`)}`)
    })
    yield* answers(metricsUrl).pipe(
      Effect.repeat({ until: (up) => up || !isRunning(child), schedule: Schedule.spaced("200 millis") }),
      Effect.timeoutOption("90 seconds")
    )
    if (!isRunning(child))
      return yield* Effect.die(new Error(`${name} did not start; see ${join(places.logs, `${name}.log`)}`))
  })
  const stop = (signal: NodeJS.Signals) =>
    Effect.suspend(() => {
      const child = current
      expected = true
      if (child === undefined || !isRunning(child)) return Effect.void
      child.kill(signal)
      return ended(child).pipe(
        Effect.timeoutOrElse({
          duration: "20 seconds",
          orElse: () =>
            Effect.andThen(
              Effect.sync(() => void child.kill("SIGKILL")),
              ended(child)
            )
        })
      )
    })
  yield* Effect.acquireRelease(start, () => stop("SIGTERM"))
  return {
    name,
    metricsUrl,
    pid: () => current?.pid,
    kill: (downMillis) =>
      Effect.gen(function* () {
        yield* stop("SIGKILL")
        yield* Effect.sleep(downMillis)
        expected = false
        yield* start
      })
  } satisfies Member
})

const database = Effect.fnUntraced(function* (places: Places, form: Form) {
  const directory = join(places.home, "postgres")
  const server = yield* EmbeddedPostgres.start({ directory, settings: { max_wal_size: "256MB", ...form.postgres } })
  const context = yield* Layer.build(
    KeyService.layer.pipe(
      Layer.provide(PgKeyStores.layer),
      Layer.provideMerge(Layer.effectDiscard(migrate)),
      Layer.provideMerge(Database.layer({ url: server.url, maxConnections: 3, applicationName: "soak" }))
    )
  )
  return { server, context, url: Redacted.value(server.url) }
})

/** Up until the scope closes. `fault` is told of whatever must not happen. */
export const make = Effect.fnUntraced(function* (home: string, form: Form, fault: (what: string) => void) {
  const places: Places = { home, logs: join(home, "logs"), gateways: join(home, "gateways") }
  mkdirSync(places.logs, { recursive: true })
  const { context, server, url } = yield* database(places, form)
  const model = yield* DemoModel.make({})
  const openclaw = form.realGateways > 0 ? yield* RealCluster.openclaw : undefined
  const gatewayPort = yield* TcpPorts.freePort
  const common = {
    DATABASE_URL: url,
    CLAWSTER_HOME: home,
    CLAWSTER_HOST_NAME: RealCluster.host,
    CLAWSTER_LOG_LEVEL: "Info",
    CLAWSTER_RETENTION_HISTORY: form.kept,
    CLAWSTER_RETENTION_TASKS: form.kept,
    CLAWSTER_RETENTION_MESSAGES: form.kept,
    CLAWSTER_RETENTION_IDEMPOTENCY: form.kept,
    CLAWSTER_RETENTION_EVERY: form.sweptEvery,
    CLAWSTER_PASSIVATE_AFTER_MILLIS: String(form.passivateAfter)
  }
  const runner = Effect.fnUntraced(function* (name: string) {
    const [port, metricsPort] = yield* Effect.all([TcpPorts.freePort, TcpPorts.freePort])
    const env = {
      ...common,
      CLAWSTER_DRIVERS: "process,simulated",
      CLAWSTER_RUNNER_PORT: String(port),
      CLAWSTER_METRICS_PORT: String(metricsPort),
      CLAWSTER_MODEL: JSON.stringify(model.provider),
      ...(openclaw === undefined
        ? {}
        : { CLAWSTER_GATEWAY_COMMAND: JSON.stringify([openclaw.nodePath, openclaw.entry, "gateway", "run"]) })
    }
    return yield* member(name, "runner", places, `http://127.0.0.1:${metricsPort}/metrics`, env, fault)
  })
  const runners = yield* Effect.forEach(["runner-1", "runner-2", "runner-3"], runner, { concurrency: 3 })
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`
  const gateway = yield* member(
    "gateway",
    "gateway",
    places,
    `${gatewayUrl}/metrics`,
    { ...common, CLAWSTER_HTTP_PORT: String(gatewayPort) },
    fault
  )
  const admin = yield* Effect.provide(
    Effect.flatMap(KeyService, (keys) => keys.create({ name: "soak", role: "admin" })),
    context
  )
  return {
    places,
    server,
    context,
    runners,
    gateway,
    url: gatewayUrl,
    adminToken: admin.token,
    members: [...runners, gateway]
  }
})

export type World = Effect.Success<ReturnType<typeof make>>
