/** A runner: serves actors. Start as many as there are machines, or several on one. */
import { Effect, Layer, Option } from "effect"
import * as Cluster from "../shards/Cluster.ts"
import * as Database from "../shards/Database.ts"
import * as MetricsServerNode from "../observability/MetricsServerNode.ts"
import * as Observability from "../observability/Observability.ts"
import * as Retention from "../shards/Retention.ts"
import * as SchemaVersion from "../shards/SchemaVersion.ts"
import * as Actors from "./Actors.ts"
import * as Drivers from "./Drivers.ts"
import { launch } from "./Launch.ts"
import * as Settings from "./Settings.ts"

const cluster = Layer.unwrap(Effect.gen(function*() {
  const { host, leaseMillis, placements, port } = yield* Settings.runner
  return Cluster.layerRunner({ host, port, placements, leaseMillis, serves: yield* Settings.serves() })
}))

const ready = Layer.effectDiscard(Effect.gen(function*() {
  const { host, port, region } = yield* Settings.runner
  yield* Effect.logInfo("The runner is ready").pipe(
    Effect.annotateLogs({ event: "runner.ready", address: `${host}:${port}`, region: Option.getOrElse(region, () => "none") })
  )
}))

/** `/metrics` of this runner, when `CLAWSTER_METRICS_PORT` is set. */
const metrics = Layer.unwrap(Effect.map(Settings.runner, ({ metrics }) =>
  Option.isNone(metrics) ? Layer.empty : MetricsServerNode.layer(metrics.value)))

const observability = Layer.unwrap(Effect.map(Settings.runner, ({ host, port }) =>
  Observability.layer("runner", `${host}:${port}`)))

export const layer = ready.pipe(
  Layer.provideMerge(Actors.layer),
  Layer.provide(Retention.layerConfig),
  Layer.provide(metrics),
  Layer.provide(Drivers.layer),
  Layer.provide(cluster),
  Layer.provide(SchemaVersion.layer),
  Layer.provide(Database.layerConfig),
  Layer.provide(observability)
)

if (import.meta.main) launch(layer as Layer.Layer<never, unknown>)
