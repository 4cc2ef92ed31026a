/** Everything on one machine: database, schema, OpenClaw, model, runners, gateway and two OpenClaw gateways. Closing the scope stops all, in reverse order. */
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { hostname } from "node:os"
import { join, resolve } from "node:path"
import * as DemoModel from "../../openclaw/DemoModel.ts"
import * as OpenClawInstall from "../../openclaw/OpenClawInstall.ts"
import { defaultPlacement, hostPlacement } from "../../schema/Ids.ts"
import * as ClusterLayers from "../../shards/Cluster.ts"
import * as Database from "../../shards/Database.ts"
import * as EmbeddedPostgres from "../../shards/EmbeddedPostgres.ts"
import { migrate } from "../../shards/Migrations.ts"
import * as Gateway from "../GatewayLayer.ts"
import * as Cluster from "./Cluster.ts"
import * as Fleet from "./Fleet.ts"
import * as HomeLock from "./HomeLock.ts"
import { readConfig, type UpOptions } from "./Options.ts"
import { step } from "./Steps.ts"

type Config = Effect.Success<ReturnType<typeof readConfig>>

const host = hostname()
const placement = hostPlacement(host)
const placements = [defaultPlacement, placement]

const database = (options: UpOptions, home: string) =>
  options.databaseUrl === undefined
    ? step(
      "PostgreSQL 18, embedded",
      () => EmbeddedPostgres.start({ directory: join(home, "postgres") }),
      ({ port }) => `127.0.0.1:${port}`
    ).pipe(Effect.map(({ url }) => url))
    : Effect.succeed(Redacted.make(options.databaseUrl))

/** A model of the user's own, by their configuration; else the demo model. */
const model = (config: Config | undefined) =>
  config !== undefined && "models" in config
    ? Effect.succeed(undefined)
    : step("demo model (no model configured)", () => DemoModel.make({}), ({ url }) => url)

/** The environment of every runner: where the database is, how a gateway is started, which model it uses. */
const surroundings = (options: {
  readonly home: string
  readonly url: Redacted.Redacted
  readonly openclaw: OpenClawInstall.OpenClaw
  readonly model: DemoModel.DemoModel | undefined
  readonly config: Config | undefined
}): Record<string, string> => ({
  DATABASE_URL: Redacted.value(options.url),
  CLAWSTER_HOME: options.home,
  CLAWSTER_HOST_NAME: host,
  CLAWSTER_GATEWAY_COMMAND: JSON.stringify([options.openclaw.nodePath, options.openclaw.entry, "gateway", "run"]),
  ...(options.model === undefined ? {} : { CLAWSTER_MODEL: JSON.stringify(options.model.provider) }),
  ...(options.config === undefined ? {} : { CLAWSTER_GATEWAY_CONFIG: JSON.stringify(options.config) })
})

export const start = Effect.fnUntraced(function*(options: UpOptions) {
  const home = resolve(options.home)
  yield* HomeLock.take(home)
  const config = options.openclawConfig === undefined ? undefined : yield* readConfig(options.openclawConfig)
  const url = yield* database(options, home)
  const base = yield* Layer.build(Database.layer({ url, applicationName: "clawster up" }))
  yield* step("database schema", () => Effect.provide(migrate, base), (applied) => applied.join(", ") || "up to date")
  const openclaw = yield* step(
    `OpenClaw ${OpenClawInstall.defaultVersion}`,
    ({ tell }) => OpenClawInstall.ensure({ directory: resolve(options.openclawDirectory), onProgress: tell })
  ).pipe(Effect.provide(NodeServices.layer))
  const demoModel = yield* model(config)
  const env = surroundings({ home, url, openclaw, model: demoModel, config })
  const runners = yield* step(
    `${options.runners} runner${options.runners === 1 ? "" : "s"}`,
    () => Effect.provide(Cluster.start({ count: options.runners, placements, home, env }), base),
    (started) => started.map(({ port }) => `127.0.0.1:${port}`).join(", ")
  )
  const services = yield* Layer.build(
    ClusterLayers.layerClient(placements).pipe(Layer.provideMerge(Layer.succeedContext(base)))
  )
  const server = yield* step(
    "gateway",
    () => Effect.provide(Gateway.start({ host: "127.0.0.1", port: options.port, placements }), services),
    ({ url: at }) => at
  )
  const { token: apiKey } = yield* server.keys.create({ name: "clawster up", role: "admin" })
  const instances = yield* step(
    `${options.instances} OpenClaw gateway${options.instances === 1 ? "" : "s"}`,
    ({ tell }) => Effect.provide(Fleet.start(options.instances, placement, tell), services)
  )
  const sql = yield* Effect.provide(PgClient.PgClient, base)
  return { home, url: server.url, apiKey, runners, instances, model: demoModel, sql }
})
