/**
 * A runner of the campaign: the actors and drivers of a normal runner with the test counter beside them. It listens on
 * `CHAOS_LISTEN_PORT` behind the proxy at its address, and names its address to PostgreSQL, so that the audit can tell
 * who wrote.
 */
import { Config, Effect, Layer } from "effect"
import * as RunnerActors from "../src/runners/RunnerActors.ts"
import * as Drivers from "../src/runners/Drivers.ts"
import { launch } from "../src/runners/launch/Launch.ts"
import * as Settings from "../src/runners/Settings.ts"
import * as Cluster from "../src/shards/Cluster.ts"
import * as Database from "../src/shards/Database.ts"
import * as Counter from "../test/fixtures/Counter.ts"

const jobTime = "300 millis"

const cluster = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings.runner
    const listenPort = yield* Config.Port("CHAOS_LISTEN_PORT").pipe(Config.withDefault(settings.port))
    return Cluster.layerRunner({ ...settings, listen: { host: settings.host, port: listenPort } })
  })
)

const database = Layer.unwrap(
  Effect.gen(function* () {
    const { host, port } = yield* Settings.runner
    return Database.layer({ url: yield* Config.Redacted("DATABASE_URL"), applicationName: `${host}:${port}` })
  })
)

Layer.effectDiscard(Effect.logInfo("The runner is ready")).pipe(
  Layer.provideMerge(
    Layer.merge(
      RunnerActors.layer,
      Counter.layer(() => Effect.sleep(jobTime))
    )
  ),
  Layer.provide(Drivers.layer),
  Layer.provide(cluster),
  Layer.provide(database),
  (layer) => launch(layer as Layer.Layer<never, unknown>)
)
