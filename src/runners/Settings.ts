/** What a process reads from its environment. Every name is listed in the README's table. */
import { Config, Effect, Schema } from "effect"
import { hostname } from "node:os"
import { resolve } from "node:path"
import { defaultPlacement, hostPlacement, type Placement, regionPlacement } from "../schema/Ids.ts"
import { ModelProvider } from "../openclaw/GatewayConfig.ts"

const list = (name: string) => Config.Array(Schema.NonEmptyString, name).pipe(Config.withDefault<ReadonlyArray<string>>([]))

export const home = Config.String("CLAWSTER_HOME").pipe(Config.withDefault(".clawster"), Config.map((path) => resolve(path)))

/** This machine's name in the cluster: gateways started here live on its runners. */
const thisHost = Config.String("CLAWSTER_HOST_NAME").pipe(Config.withDefault(hostname()))

/** The same on every process of a cluster: all hosts and regions it has. This host need not be named. */
export const placements = Config.all({
  host: thisHost,
  hosts: list("CLAWSTER_HOSTS"),
  regions: list("CLAWSTER_REGIONS")
}).pipe(Config.map(({ host, hosts, regions }): ReadonlyArray<Placement> => [
  ...new Set([defaultPlacement, hostPlacement(host), ...hosts.map(hostPlacement), ...regions.map(regionPlacement)])
]))

const runnerHost = Config.String("CLAWSTER_RUNNER_HOST").pipe(Config.withDefault("127.0.0.1"))

/** A port of its own for `/metrics`, with everything and for everyone who reaches it. */
const metricsAt = (host: Config.Config<string>) =>
  Config.all({
    host: Config.String("CLAWSTER_METRICS_HOST").pipe(Config.orElse(() => host)),
    port: Config.Port("CLAWSTER_METRICS_PORT")
  }).pipe(Config.option)
const metrics = metricsAt(Config.succeed("127.0.0.1"))

export const runner = Config.all({
  host: runnerHost,
  port: Config.Port("CLAWSTER_RUNNER_PORT").pipe(Config.withDefault(34431)),
  hostName: thisHost,
  region: Config.option(Config.String("CLAWSTER_REGION")),
  placements,
  leaseMillis: Config.Int("CLAWSTER_LEASE_MILLIS").pipe(Config.withDefault(6_000)),
  metrics: metricsAt(runnerHost)
})

export const drivers = Config.all({
  home,
  kinds: Config.Array(Schema.Literals(["process", "remote", "simulated"]), "CLAWSTER_DRIVERS").pipe(
    Config.withDefault<ReadonlyArray<"process" | "remote" | "simulated">>(["process", "remote"])
  ),
  /** Program and arguments, separated by blanks or as a JSON array; overrides the managed install and what is on PATH. */
  command: Config.option(Config.String("CLAWSTER_GATEWAY_COMMAND")),
  version: Config.option(Config.String("CLAWSTER_OPENCLAW_VERSION")),
  firstPort: Config.Port("CLAWSTER_GATEWAY_PORT").pipe(Config.withDefault(19_100)),
  path: Config.String("PATH").pipe(Config.withDefault("")),
  model: Config.option(Config.schema(Schema.fromJsonString(ModelProvider), "CLAWSTER_MODEL")),
  config: Config.option(Config.schema(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)), "CLAWSTER_GATEWAY_CONFIG")),
  onShutdown: Config.Literals(["leave", "stop"], "CLAWSTER_GATEWAYS_ON_SHUTDOWN").pipe(
    Config.withDefault<"leave" | "stop">("leave")
  ),
  orphanAfterMillis: Config.Int("CLAWSTER_ORPHAN_AFTER_MILLIS").pipe(Config.withDefault(60_000))
})

export const gateway = Config.all({
  host: Config.String("CLAWSTER_HTTP_HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("CLAWSTER_HTTP_PORT").pipe(Config.withDefault(7_373)),
  metrics,
  placements
})

/** The placements a runner serves: what belongs nowhere, this host, and its region. */
export const serves = Effect.fnUntraced(function*() {
  const { hostName, region } = yield* runner
  return [
    defaultPlacement,
    hostPlacement(hostName),
    ...(region._tag === "Some" ? [regionPlacement(region.value)] : [])
  ]
})
