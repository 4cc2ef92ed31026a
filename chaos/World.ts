/**
 * What the campaign shakes: PostgreSQL on a volume of its own, three runners behind proxies, simulated and real
 * gateways, a model that counts.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, Schedule, Scope } from "effect"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ActorClient from "../src/actor/ActorClient.ts"
import { Instance } from "../src/entities/Instance.ts"
import { Lane } from "../src/entities/Lane.ts"
import * as DemoModel from "../src/openclaw/demo/DemoModel.ts"
import * as TcpPorts from "../src/resources/TcpPorts.ts"
import { defaultPlacement, InstanceId, instanceEntityId, laneEntityId, LaneName, TenantId } from "../src/schema/Ids.ts"
import { defaultLaneConfig } from "../src/schema/Lane.ts"
import * as Cluster from "../src/shards/Cluster.ts"
import * as Database from "../src/shards/Database.ts"
import * as EmbeddedPostgres from "../src/shards/postgres/EmbeddedPostgres.ts"
import { migrate } from "../src/shards/Migrations.ts"
import * as Processes from "../test/fixtures/processes/Processes.ts"
import * as RealCluster from "../test/fixtures/servers/RealCluster.ts"
import * as Audit from "../test/fixtures/store/Audit.ts"
import * as Proxies from "./Proxies.ts"
import * as Sources from "./Sources.ts"
import * as Volume from "./Volume.ts"

export const tenantId = TenantId.make("chaos")
export const lanes = Array.from({ length: 4 }, (_, n) => LaneName.make(`lane-${n}`))
export const realLane = LaneName.make("real")
export const realGateways = ["real-0", "real-1"]
export const simulatedCapability = "simulated"
const simulatedGateways = 6

/** What a runner is started with, when it is not as it was. */
export interface Start {
  readonly env?: Record<string, string>
  /** Those of the start before when absent. */
  readonly sources?: Sources.Sources
}

export interface Runner {
  readonly name: string
  readonly address: string
  /** In front of its port. */
  readonly inbound: Proxies.Proxy
  /** Between it and PostgreSQL. */
  readonly postgres: Proxies.Proxy
  readonly process: () => Processes.Running
  readonly start: (how?: Start) => Effect.Effect<void>
  /** Of the latest start. */
  readonly sources: () => Sources.Sources
}

const makeRunner = Effect.fnUntraced(function* (
  name: string,
  proxy: Effect.Success<typeof Proxies.make>,
  postgresPort: number,
  databaseUrl: string,
  env: Record<string, string>,
  first: Sources.Sources
) {
  const scope = yield* Effect.scope
  const [port, listenPort, pgPort] = yield* Effect.all([TcpPorts.freePort, TcpPorts.freePort, TcpPorts.freePort])
  const inbound = proxy(port, listenPort)
  const postgres = proxy(pgPort, postgresPort)
  const url = new URL(databaseUrl)
  url.port = String(pgPort)
  let running: Processes.Running | undefined
  let sources = first
  const start = (how: Start = {}) =>
    Effect.gen(function* () {
      inbound.accept()
      postgres.accept()
      sources = how.sources ?? sources
      const started = yield* Processes.start(Sources.runnerOf(sources), [], {
        ready: "runner is ready",
        timeoutMillis: 120_000,
        env: {
          ...env,
          DATABASE_URL: url.toString(),
          CLAWSTER_RUNNER_PORT: String(port),
          CHAOS_LISTEN_PORT: String(listenPort),
          ...how.env
        }
      })
      running = started
      started.process.once("exit", () => {
        if (running === started) inbound.refuse()
      })
    }).pipe(Scope.provide(scope))
  yield* start()
  return {
    name,
    address: `127.0.0.1:${port}`,
    inbound,
    postgres,
    process: () => running!,
    start,
    sources: () => sources
  } satisfies Runner
})

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-chaos-home-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const registerSimulated = Effect.gen(function* () {
  const client = yield* ActorClient.make(Instance)
  yield* Effect.forEach(
    Array.from({ length: simulatedGateways }),
    (_, n) => {
      const instanceId = InstanceId.make(`sim-${n}`)
      return client(instanceEntityId(defaultPlacement, instanceId)).Register({
        spec: {
          instanceId,
          driver: "simulated",
          placement: defaultPlacement,
          tenancy: { _tag: "shared" },
          capabilities: [simulatedCapability],
          allowedModels: [],
          enabledChannels: [],
          maxConcurrentTasks: 16,
          maxConcurrentSessions: 10_000,
          maxAgents: 10_000,
          resourceLimits: {}
        }
      })
    },
    { concurrency: simulatedGateways, discard: true }
  )
  const laneOf = yield* ActorClient.make(Lane)
  yield* Effect.forEach(
    [...lanes, realLane],
    (lane) => laneOf(laneEntityId(tenantId, lane)).Configure({ config: { ...defaultLaneConfig, concurrency: 64 } }),
    { discard: true }
  )
})

/** The client goes with the process: all that it could still say goodbye to is stopped before it. */
const clientScope = Scope.makeUnsafe()

const databaseOf = (server: EmbeddedPostgres.EmbeddedPostgres) =>
  Database.layer({ url: server.url, applicationName: "campaign" })

/** The campaign's own client of the cluster and its database. The tables must be of this version. */
export const connect = (server: EmbeddedPostgres.EmbeddedPostgres) =>
  Layer.buildWithScope(Cluster.layerClient().pipe(Layer.provideMerge(databaseOf(server))), clientScope)

/**
 * PostgreSQL, the runners and the model, up until the scope closes. `prepare` makes the tables, before any runner
 * starts; their audit is added to them.
 */
export const stage = Effect.fnUntraced(function* <A, E, R>(options: {
  readonly real: boolean
  readonly sources: Sources.Sources
  readonly prepare: (databaseUrl: string) => Effect.Effect<A, E, R>
  /** Settings of the processes, beside those that the campaign needs. */
  readonly settings?: Readonly<Record<string, string>>
}) {
  const volume = yield* Volume.make
  const home = join(volume.directory, "postgres")
  mkdirSync(home, { mode: 0o755 })
  const server = yield* EmbeddedPostgres.start({
    directory: home,
    settings: { max_wal_size: "256MB", log_min_messages: "fatal" }
  })
  const databaseUrl = Redacted.value(server.url)
  const database = yield* Layer.buildWithScope(databaseOf(server), clientScope)
  const prepared = yield* Effect.provide(options.prepare(databaseUrl), database)
  yield* Effect.provide(Audit.install, database)
  const model = yield* DemoModel.make({})
  const clawsterHome = yield* directory
  const openclaw = options.real ? yield* RealCluster.openclaw : undefined
  const firstPort = yield* TcpPorts.freePort
  const env: Record<string, string> = {
    CLAWSTER_HOME: clawsterHome,
    CLAWSTER_HOST_NAME: RealCluster.host,
    CLAWSTER_DRIVERS: "process,remote,simulated",
    CLAWSTER_GATEWAY_PORT: String(firstPort),
    CLAWSTER_MODEL: JSON.stringify(model.provider),
    CLAWSTER_ORPHAN_AFTER_MILLIS: "120000",
    ...options.settings,
    ...(openclaw === undefined
      ? {}
      : { CLAWSTER_GATEWAY_COMMAND: `${openclaw.nodePath} ${openclaw.entry} gateway run` })
  }
  const proxy = yield* Proxies.make
  const runners = yield* Effect.forEach(
    ["one", "two", "three"],
    (name) => makeRunner(name, proxy, server.port, databaseUrl, env, options.sources),
    { concurrency: 3 }
  )
  return { volume, server, database, databaseUrl, model, runners, env, prepared }
})

/** Up until the scope closes. */
export const make = Effect.fnUntraced(function* (options: { readonly real: boolean }) {
  const staged = yield* stage({ ...options, sources: Sources.present, prepare: () => migrate })
  const context = yield* connect(staged.server)
  yield* Effect.provide(registerSimulated, context)
  if (options.real) yield* Effect.provide(RealCluster.gateways(realGateways, 8), context)
  return { ...staged, context }
})

/** What the phases shake. */
export type World = Pick<Effect.Success<ReturnType<typeof make>>, "volume" | "server" | "model" | "runners">

export const shardsOf = (address: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ count: number }>(
      `SELECT count(*)::float8 AS count FROM clawster_shards WHERE owner = $1::text AND shard_id LIKE 'default:%'`,
      [address]
    )
  ).pipe(Effect.map((rows) => rows[0]!.count))

/** Counters whose shard a runner owns now. */
export const keysOf = (address: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ entity_id: string }>(
      `SELECT DISTINCT j.entity_id FROM clawster_journal j JOIN clawster_shards s USING (shard_id)
       WHERE j.entity_type = 'TestCounter' AND s.owner = $1::text`,
      [address]
    )
  ).pipe(Effect.map((rows) => rows.map((row) => row.entity_id)))

/** Waits, through outages of PostgreSQL too, and tells whether it came. */
export const eventually = <E, R>(condition: Effect.Effect<boolean, E, R>, seconds: number) =>
  condition.pipe(
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.succeed(false) }),
    Effect.catchCause(() => Effect.succeed(false)),
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("100 millis") }),
    Effect.timeoutOrElse({ duration: seconds * 1_000, orElse: () => Effect.succeed(false) })
  )
