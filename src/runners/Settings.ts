/** The settings of a process. The catalogue contains every name with its meaning and accepted values. */
import { Config, Effect, Option } from "effect"
import { join } from "node:path"
import { defaultPlacement, hostPlacement, type Placement, regionPlacement } from "../schema/Ids.ts"
import * as Catalogue from "./settings/Catalogue.ts"
import * as HostName from "./settings/HostName.ts"

export const home = Catalogue.home.config

/** Folder of the OpenClaw installation, for a given home. */
export const openclawDirectory = (home: string) =>
  Config.map(Catalogue.openclawDirectory.config, (given) => Option.getOrElse(given, () => join(home, "openclaw")))

const unique = (placements: ReadonlyArray<Placement>): ReadonlyArray<Placement> => [...new Set(placements)]

const named = Config.all({ hosts: Catalogue.hosts.config, regions: Catalogue.regions.config }).pipe(
  Config.map(({ hosts, regions }) => [...hosts.map(hostPlacement), ...regions.map(regionPlacement)])
)

/** For a machine of this name: the placements that its runners serve, and all placements of the cluster. */
export const placementsOf = (host: string) =>
  Config.all({ named, region: Catalogue.region.config }).pipe(
    Config.map(({ named, region }) => {
      const ofRegion = Option.match(region, { onNone: () => [], onSome: (name) => [regionPlacement(name)] })
      const serves = unique([defaultPlacement, hostPlacement(host), ...ofRegion])
      return { serves, placements: unique([...serves, ...named]) }
    })
  )

/**
 * For a process that serves no actors: the named placements, and the host that is configured or that the home's runner
 * uses.
 */
const placements = Config.all({ home, named, given: Catalogue.hostName.config }).pipe(
  Config.map(({ given, home, named }) => {
    const host = Option.getOrElse(given, () => HostName.kept(home))
    return unique([defaultPlacement, ...(host === undefined ? [] : [hostPlacement(host)]), ...named])
  })
)

/** A separate port for `/metrics`, which shows all metrics to everyone who can reach it. */
const metricsAt = (fallback: Config.Config<string>) =>
  Config.all({ host: Catalogue.metricsHost.config, fallback, port: Catalogue.metricsPort.config }).pipe(
    Config.map(({ fallback, host, port }) =>
      Option.map(port, (port) => ({ host: Option.getOrElse(host, () => fallback), port }))
    )
  )

/** The address at which a runner is reached, and the address it listens on when that is different. */
export const runnerAddress = Config.all({
  host: Catalogue.runnerHost.config,
  port: Catalogue.runnerPort.config,
  listenHost: Catalogue.runnerListenHost.config,
  listenPort: Catalogue.runnerListenPort.config
})

const runnerConfig = Config.all({
  home,
  hostName: Catalogue.hostName.config,
  region: Catalogue.region.config,
  leaseMillis: Catalogue.leaseMillis.config,
  maxResident: Catalogue.residentActors.config,
  passivateAfterMillis: Catalogue.passivateAfterMillis.config,
  metrics: metricsAt(Catalogue.runnerHost.config)
})

/** The settings of a runner, with the placements it serves: the default placement, its home's host, and its region. */
export const runner = Effect.gen(function* () {
  const { hostName, ...config } = yield* runnerConfig
  const { host, listenHost, listenPort, port } = yield* runnerAddress
  const name = yield* HostName.ofHome(config.home, hostName)
  const isElsewhere = Option.isSome(listenHost) || Option.isSome(listenPort)
  const listen = {
    host: Option.getOrElse(listenHost, () => host),
    port: Option.getOrElse(listenPort, () => port)
  }
  return { ...config, host, port, name, ...(yield* placementsOf(name.current)), ...(isElsewhere ? { listen } : {}) }
})

export const drivers = Config.all({
  home,
  kinds: Catalogue.drivers.config,
  /** Takes precedence over the managed installation and the PATH. */
  command: Catalogue.gatewayCommand.config,
  version: Catalogue.openclawVersion.config,
  firstPort: Catalogue.gatewayPort.config,
  path: Config.String("PATH").pipe(Config.withDefault("")),
  model: Catalogue.model.config,
  config: Catalogue.gatewayConfig.config,
  onShutdown: Catalogue.onShutdown.config,
  orphanAfterMillis: Catalogue.orphanMillis.config,
  startupTimeoutMillis: Catalogue.startTimeoutMillis.config,
  variantWindowMillis: Catalogue.variantMillis.config,
  startConcurrency: Catalogue.startsAtOnce.config
})

export const gateway = Config.all({
  host: Catalogue.httpHost.config,
  port: Catalogue.httpPort.config,
  socketsMost: Catalogue.socketsMost.config,
  metrics: metricsAt(Config.succeed("127.0.0.1")),
  defaultTenant: Catalogue.defaultTenant.config,
  placements
})
