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

/** The placements that the runners of a machine of this name serve. */
export const servedBy = (host: string) =>
  Config.map(Catalogue.region.config, (region): ReadonlyArray<Placement> => {
    const ofRegion = Option.match(region, { onNone: () => [], onSome: (name) => [regionPlacement(name)] })
    return [defaultPlacement, hostPlacement(host), ...ofRegion]
  })

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
  return { ...config, host, port, name, serves: yield* servedBy(name.current), ...(isElsewhere ? { listen } : {}) }
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
  defaultTenant: Catalogue.defaultTenant.config
})
