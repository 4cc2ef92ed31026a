/**
 * The whole stack on one machine: database, schema, OpenClaw, model, runners, gateway and OpenClaw gateways. Closing
 * the scope stops everything in reverse order.
 */
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Option, Redacted } from "effect"
import { join } from "node:path"
import * as DemoModel from "../../openclaw/demo/DemoModel.ts"
import * as OpenClawInstall from "../../openclaw/install/OpenClawInstall.ts"
import { hostPlacement, TenantId } from "../../schema/Ids.ts"
import * as ClusterLayers from "../../shards/Cluster.ts"
import * as Database from "../../shards/Database.ts"
import * as EmbeddedPostgres from "../../shards/postgres/EmbeddedPostgres.ts"
import { migrate } from "../../shards/Migrations.ts"
import * as PgInstanceReads from "../../shards/reads/PgInstanceReads.ts"
import * as DeclaredInstances from "../../gateway/service/instances/DeclaredInstances.ts"
import * as Gateway from "../GatewayLayer.ts"
import * as InstancesFile from "../InstancesFile.ts"
import * as Settings from "../Settings.ts"
import * as DeploymentCapsSetting from "../settings/DeploymentCapsSetting.ts"
import * as TenantDefaultsSetting from "../TenantDefaultsSetting.ts"
import * as Catalogue from "../settings/Catalogue.ts"
import * as HostName from "../settings/HostName.ts"
import * as BoundedLogs from "./BoundedLogs.ts"
import * as RegisteredHost from "./RegisteredHost.ts"
import * as StartRunners from "./StartRunners.ts"
import * as StartGateways from "./StartGateways.ts"
import * as HomeLock from "./HomeLock.ts"
import * as AdministratorKey from "./AdministratorKey.ts"
import * as LeftoverProcesses from "./LeftoverProcesses.ts"
import { endWithNpm } from "./EndWithNpm.ts"
import * as SecretKeyFile from "./SecretKeyFile.ts"
import { readConfig, type UpOptions } from "./UpOptions.ts"
import { say, step } from "./StepProgress.ts"

type Config = Effect.Success<ReturnType<typeof readConfig>>

/** A local stack has one tenant, so that commands need not name it. */
const defaultTenant = TenantId.make("default")

const database = (options: UpOptions) =>
  options.databaseUrl === undefined
    ? step(
        "PostgreSQL 18, embedded",
        () => EmbeddedPostgres.start({ directory: join(options.home, "postgres") }),
        ({ port }) => `127.0.0.1:${port}`
      ).pipe(
        Effect.tap(BoundedLogs.watch([join(options.home, "postgres", "postgres.log")])),
        Effect.map(({ url }) => url)
      )
    : Effect.succeed(Redacted.make(options.databaseUrl))

/** OpenClaw is not installed when no gateway is requested; an existing installation is used. */
const openclaw = ({ instances, openclawDirectory: directory }: UpOptions) =>
  (instances === 0
    ? Effect.map(OpenClawInstall.installed({ directory }), Option.getOrUndefined)
    : step(`OpenClaw ${OpenClawInstall.defaultVersion}`, ({ tell }) =>
        OpenClawInstall.ensure({ directory, onProgress: tell })
      )
  ).pipe(Effect.provide(NodeServices.layer))

/** The model of the user's own configuration, otherwise the demo model. */
const model = (config: Config | undefined) =>
  config !== undefined && "models" in config
    ? Effect.succeed(undefined)
    : step(
        "demo model (no model configured)",
        () => DemoModel.make({}),
        ({ url }) => url
      )

/** The environment of every runner: the database, how to start a gateway, and its model. */
const surroundings = (options: {
  readonly home: string
  readonly host: string
  readonly url: Redacted.Redacted
  readonly openclaw: OpenClawInstall.OpenClaw | undefined
  readonly model: DemoModel.DemoModel | undefined
  readonly config: Config | undefined
  readonly secretKeys: Record<string, string>
}): Record<string, string> => ({
  ...options.secretKeys,
  CLAWSTER_ORPHAN_AFTER_MILLIS: orphanAfterMillis,
  ...(process.env["CLAWSTER_ORPHAN_AFTER_MILLIS"] === undefined
    ? {}
    : { CLAWSTER_ORPHAN_AFTER_MILLIS: process.env["CLAWSTER_ORPHAN_AFTER_MILLIS"] }),
  DATABASE_URL: Redacted.value(options.url),
  CLAWSTER_HOME: options.home,
  CLAWSTER_HOST_NAME: options.host,
  CLAWSTER_RUNNER_HOST: "127.0.0.1",
  ...(options.openclaw === undefined
    ? {}
    : {
        CLAWSTER_GATEWAY_COMMAND: JSON.stringify([options.openclaw.nodePath, options.openclaw.entry, "gateway", "run"])
      }),
  ...(options.model === undefined ? {} : { CLAWSTER_MODEL: JSON.stringify(options.model.provider) }),
  ...(options.config === undefined ? {} : { CLAWSTER_GATEWAY_CONFIG: JSON.stringify(options.config) })
})

/**
 * Time in milliseconds after which the gateways of a killed `up` end themselves. Longer than another runner needs to
 * find the gateways of a runner that died.
 */
const orphanAfterMillis = "20000"

/** The name of this home's host in the cluster, with a warning when the names differ. */
const hostName = Effect.fnUntraced(function* (home: string) {
  const given = yield* Catalogue.hostName.config
  const name = yield* HostName.ofHome(home, given, yield* RegisteredHost.hostOf(home))
  const note = HostName.note(name, home)
  if (note !== undefined) yield* say(`  ! ${note}`)
  return name.current
})

/** The user's own keys for secrets, which the runners inherit, otherwise the key of the home. */
const secretKeys = Effect.fnUntraced(function* (home: string) {
  const isGiven = [Catalogue.secretKeys, Catalogue.secretKeysFile].some(({ name }) => process.env[name] !== undefined)
  return isGiven ? {} : { [Catalogue.secretKeysFile.name]: yield* SecretKeyFile.ensure(home) }
})

const prepared = Effect.fnUntraced(function* (options: UpOptions) {
  yield* Effect.sync(endWithNpm)
  yield* HomeLock.take(options.home)
  const config = options.openclawConfig === undefined ? undefined : yield* readConfig(options.openclawConfig)
  const file = options.instancesFile ?? Option.getOrUndefined(yield* Catalogue.instancesFile.config)
  const declaration = file === undefined ? undefined : yield* InstancesFile.read(file)
  const tenantDefaults = yield* TenantDefaultsSetting.configured
  const deploymentCaps = yield* DeploymentCapsSetting.configured
  const left = yield* LeftoverProcesses.endRunners(options.home)
  if (left > 0) yield* say(`  ! ended ${left} runner${left === 1 ? "" : "s"} of a call that was killed`)
  yield* Effect.addFinalizer(() => LeftoverProcesses.endGateways(options.home))
  const url = yield* database(options)
  const base = yield* Layer.build(Database.layer({ url, applicationName: "clawster up" }))
  yield* step(
    "database schema",
    () => Effect.provide(migrate, base),
    (applied) => applied.join(", ") || "up to date"
  )
  const host = yield* Effect.provide(hostName(options.home), base)
  return { base, config, declaration, deploymentCaps, host, tenantDefaults, url }
})

export const start = Effect.fnUntraced(function* (options: UpOptions) {
  const { home } = options
  const { base, config, declaration, deploymentCaps, host, tenantDefaults, url } = yield* prepared(options)
  const installed = yield* openclaw(options)
  const demoModel = yield* model(config)
  const env = surroundings({
    home,
    host,
    url,
    openclaw: installed,
    model: demoModel,
    config,
    secretKeys: yield* secretKeys(home)
  })
  const placement = hostPlacement(host)
  const serves = yield* Settings.servedBy(host)
  const runners = yield* step(
    `${options.runners} runner${options.runners === 1 ? "" : "s"}`,
    () => Effect.provide(StartRunners.start({ count: options.runners, serves, home, env }), base),
    (started) => started.map(({ port }) => `127.0.0.1:${port}`).join(", ")
  )
  const services = yield* Layer.build(ClusterLayers.layerClient().pipe(Layer.provideMerge(Layer.succeedContext(base))))
  const { socketsMost } = yield* Settings.gateway
  const edge = { host: options.host, port: options.port, socketsMost, defaultTenant, deploymentCaps, tenantDefaults }
  const server = yield* step(
    "gateway",
    () => Effect.provide(Gateway.start(edge), services),
    ({ url: at }) => at
  )
  const apiKey = yield* AdministratorKey.ensure(home, server.url, server.keys)
  const instances = yield* step(
    `${options.instances} OpenClaw gateway${options.instances === 1 ? "" : "s"}`,
    ({ tell }) =>
      StartGateways.start(options.instances, placement, tell).pipe(
        Effect.provide(PgInstanceReads.layer),
        Effect.provide(services)
      )
  )
  if (declaration !== undefined) {
    yield* step(
      `${declaration.instances.length} declared instances`,
      () =>
        DeclaredInstances.apply({ ...declaration, prune: false }).pipe(
          Effect.provide(InstancesFile.services),
          Effect.provide(services)
        ),
      (outcomes) => DeclaredInstances.summary(outcomes)
    )
  }
  const sql = yield* Effect.provide(PgClient.PgClient, base)
  return { home, url: server.url, apiKey, runners, instances, model: demoModel, sql }
})
