/** Clawster as the cases run it: embedded, on a runner in another process, and with a simulated fleet of gateways. */
import { Effect, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import * as InstanceLayer from "../../src/entities/Instance/InstanceLayer.ts"
import * as LaneLayer from "../../src/entities/Lane/LaneLayer.ts"
import * as DriverSet from "../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { type FleetOptions, SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import { defaultPlacement } from "../../src/schema/Ids.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as Database from "../../src/shards/Database.ts"
import { migrate } from "../../src/shards/Migrations.ts"
import * as PgOutputs from "../../src/shards/journal/PgOutputs.ts"
import * as PgPayloads from "../../src/shards/reads/PgPayloads.ts"
import * as PgFeed from "../../src/shards/reads/feed/PgFeed.ts"
import * as PgFleet from "../../src/shards/reads/PgFleet.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import * as Processes from "../../test/fixtures/processes/Processes.ts"
import * as Counter from "./Counter.ts"
import * as Stock from "./stock.ts"
import type { Watch } from "./Watch.ts"

const placement = { serves: [defaultPlacement] }

const database = (url: Redacted.Redacted) =>
  Layer.effectDiscard(migrate).pipe(Layer.provideMerge(Database.layer({ url })), Layer.orDie)

/** Counters in this process. */
export const layerEmbedded = (url: Redacted.Redacted) =>
  Counter.layer.pipe(Layer.provideMerge(Cluster.layerSingle(placement)), Layer.provide(database(url)), Layer.orDie)

/** The stock entity in this process, over the cluster's message storage. */
export const layerStockEntity = (url: Redacted.Redacted) =>
  Stock.handlers().pipe(
    Layer.provideMerge(Cluster.layerSingle({ ...placement, messages: true })),
    Layer.provide(database(url)),
    Layer.orDie
  )

/** Counters, served on a port. */
export const layerRunner = (url: Redacted.Redacted, port: number) =>
  Counter.layer.pipe(
    Layer.provideMerge(Cluster.layerRunner({ ...placement, host: "127.0.0.1", port })),
    Layer.provide(database(url)),
    Layer.orDie
  )

export const layerClient = (url: Redacted.Redacted) =>
  Cluster.layerClient().pipe(Layer.provide(database(url)), Layer.orDie)

/** Lanes and instances over gateways in memory, in this process. */
export const layerFleet = (url: Redacted.Redacted, options: FleetOptions, watch: Watch) =>
  Layer.mergeAll(LaneLayer.layer, InstanceLayer.layer).pipe(
    Layer.provide([Layer.provide(watch.fleet, PgFleet.layer), PgTasks.layer, PgOutputs.layer, PgPayloads.layer]),
    Layer.provideMerge(DriverSet.layer([SimulatedDriver.make])),
    Layer.provideMerge(SimulatedFleet.layer({ countExecutions: false, ...options })),
    Layer.provideMerge(Layer.provideMerge(watch.journal, Cluster.layerSingle(placement))),
    Layer.provideMerge(PgFeed.layer),
    Layer.provide(database(url)),
    Layer.orDie
  )

const script = fileURLToPath(new URL("runner.ts", import.meta.url))

/** A runner of `kind` in a process of its own. */
export const startRunner = Effect.fnUntraced(function* (kind: "clawster" | "stock", url: Redacted.Redacted) {
  const port = yield* TcpPorts.freePort
  return yield* Processes.start(script, [kind, Redacted.value(url), String(port)])
})
