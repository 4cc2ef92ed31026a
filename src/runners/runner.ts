/** A runner process, which serves actors. Start one per machine, or several on one machine. */
import { Effect, Layer, Option } from "effect"
import { createRequire } from "node:module"
import * as Cluster from "../shards/Cluster.ts"
import * as Database from "../shards/Database.ts"
import * as MetricsServerNode from "../observability/metrics/MetricsServerNode.ts"
import * as Observability from "../observability/Observability.ts"
import * as RunnerReports from "../shards/health/RunnerReports.ts"
import * as Retention from "../shards/retention/Retention.ts"
import * as SchemaVersion from "../shards/SchemaVersion.ts"
import * as SecretSweep from "../shards/secrets/SecretSweep.ts"
import { tables } from "../entities/catalog/Actors.ts"
import * as RunnerActors from "./RunnerActors.ts"
import * as Drivers from "./Drivers.ts"
import * as InstancesFile from "./InstancesFile.ts"
import { launch } from "./launch/Launch.ts"
import * as ConfiguredSecretKeys from "./ConfiguredSecretKeys.ts"
import * as Settings from "./Settings.ts"
import * as EnvironmentCheck from "./settings/EnvironmentCheck.ts"
import * as HostName from "./settings/HostName.ts"

const cluster = Layer.unwrap(Effect.map(Settings.runner, (settings) => Cluster.layerRunner(settings)))

const ready = Layer.effectDiscard(
  Effect.gen(function* () {
    const { home, host, name, port, region } = yield* Settings.runner
    const note = HostName.note(name, home)
    if (note !== undefined) yield* Effect.logWarning(note).pipe(Effect.annotateLogs({ event: "host.renamed" }))
    yield* Effect.logInfo("The runner is ready").pipe(
      Effect.annotateLogs({
        event: "runner.ready",
        address: `${host}:${port}`,
        host: name.current,
        region: Option.getOrElse(region, () => "none")
      })
    )
  })
)

/** Serves `/metrics` of this runner when `CLAWSTER_METRICS_PORT` is set. */
const metrics = Layer.unwrap(
  Effect.map(Settings.runner, ({ metrics }) =>
    Option.isNone(metrics) ? Layer.empty : MetricsServerNode.layer(metrics.value)
  )
)

const observability = Layer.unwrap(
  Effect.map(Settings.runner, ({ host, port }) => Observability.layer("runner", `${host}:${port}`))
)

const { version } = createRequire(import.meta.url)("../../package.json") as { readonly version: string }

const reports = Layer.unwrap(
  Effect.map(Settings.runner, ({ name }) => RunnerReports.layer({ hostName: name.current, version }))
)

export const layer = Layer.merge(ready, InstancesFile.layerConfig).pipe(
  Layer.provideMerge(Layer.merge(RunnerActors.layer, reports)),
  Layer.provide([Retention.layerConfig(tables), SecretSweep.layer()]),
  Layer.provide(metrics),
  Layer.provide(Drivers.layer),
  Layer.provide(cluster),
  Layer.provide(ConfiguredSecretKeys.layer),
  Layer.provide(SchemaVersion.layer),
  Layer.provide(Database.layerConfig),
  Layer.provide(EnvironmentCheck.layerTell),
  Layer.provide(observability),
  Layer.provide(EnvironmentCheck.layerRefuse("runner"))
)

if (import.meta.main) launch(layer as Layer.Layer<never, unknown>)
