/** The drivers of a runner, according to its settings. */
import { NodeServices } from "@effect/platform-node"
import { type Config, Effect, Layer, Option, type Scope } from "effect"
import { join } from "node:path"
import type { InstanceDriver } from "../instances/InstanceDriver.ts"
import * as DriverSet from "../instances/InstanceDriverSet.ts"
import type { Command } from "../instances/process/Launcher.ts"
import * as ProcessDriver from "../instances/ProcessDriver.ts"
import * as RemoteDriver from "../instances/RemoteDriver.ts"
import * as SimulatedDriver from "../instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../instances/simulated/SimulatedFleet.ts"
import * as GatewayClient from "../openclaw/protocol/GatewayClient.ts"
import type { GatewayConnector } from "../openclaw/GatewayLink.ts"
import * as OpenClawInstall from "../openclaw/install/OpenClawInstall.ts"
import type { DriverKind } from "../schema/Instance.ts"
import * as Settings from "./Settings.ts"

/**
 * Uses the configured command, otherwise the managed installation when a version is configured, otherwise a program on
 * the PATH.
 */
const launcher = Effect.fnUntraced(function* () {
  const { command, home, path, version } = yield* Settings.drivers
  if (Option.isSome(command)) {
    return { command: command.value as Command, path }
  }
  if (Option.isNone(version)) return { path }
  const openclaw = yield* OpenClawInstall.ensure({
    version: version.value,
    directory: yield* Settings.openclawDirectory(home),
    onProgress: (line) => Effect.logInfo(line)
  })
  return { managed: [openclaw.nodePath, openclaw.entry, "gateway", "run"] as Command, path }
})

const processDriver = Effect.gen(function* () {
  const { config, firstPort, home, model, onShutdown, orphanAfterMillis, ...starts } = yield* Settings.drivers
  return yield* ProcessDriver.make({
    directory: join(home, "gateways"),
    launcher: yield* launcher(),
    ports: { first: firstPort, last: Math.min(firstPort + 20 * 500, 65_000), step: 20 },
    onShutdown,
    orphanAfterMillis,
    startConcurrency: starts.startConcurrency,
    startupTimeoutMillis: starts.startupTimeoutMillis,
    variantWindowMillis: starts.variantWindowMillis,
    ...(Option.isSome(model) ? { model: model.value } : {}),
    ...(Option.isSome(config) ? { config: config.value } : {})
  })
})

type Maker = Effect.Effect<
  InstanceDriver,
  Config.ConfigError | OpenClawInstall.OpenClawInstallError,
  Scope.Scope | GatewayConnector | SimulatedFleet | NodeServices.NodeServices
>

export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { home, kinds, orphanAfterMillis } = yield* Settings.drivers
    const makers: Record<DriverKind, Maker> = {
      process: processDriver,
      remote: RemoteDriver.make(),
      simulated: SimulatedDriver.make
    }
    return DriverSet.layer(kinds.map((kind) => makers[kind])).pipe(
      Layer.provide([
        GatewayClient.layerWith({ deviceKeyFile: join(home, "device-key.json") }),
        SimulatedFleet.layer({ orphanAfterMillis }),
        NodeServices.layer
      ])
    )
  })
)
