/** What the runners of a size run serve, and how its client reaches them. */
import { NodeClusterSocket } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Option, Redacted, Schema } from "effect"
import { Entity, RunnerAddress } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { fileURLToPath } from "node:url"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import * as InstanceLayer from "../../src/entities/Instance/InstanceLayer.ts"
import * as LaneLayer from "../../src/entities/Lane/LaneLayer.ts"
import { SessionActor } from "../../src/entities/Session/SessionActor.ts"
import * as DriverSet from "../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import { defaultPlacement } from "../../src/schema/Ids.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as Database from "../../src/shards/Database.ts"
import { migrate } from "../../src/shards/Migrations.ts"
import * as PgOutputs from "../../src/shards/journal/PgOutputs.ts"
import * as PgPayloads from "../../src/shards/reads/PgPayloads.ts"
import * as PgFleet from "../../src/shards/reads/PgFleet.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import * as Processes from "../../test/fixtures/processes/Processes.ts"
import * as Counter from "../harness/Counter.ts"

/** More than the 100,000 of the bar, so that what stands beside them is no reason to refuse one. */
const maxResident = 110_000
const stays = "1 day"
/**
 * Long, so that a runner that collects a lot of garbage at once, on a machine that is short of time, keeps its shards.
 */
const leaseMillis = 60_000

/** Turns are not run in the runs of this folder, so sessions need no instance. */
const sessions = ActorLayer.layer(SessionActor, { maxIdleTime: stays })

export const layerClawster = (url: Redacted.Redacted, port: number) =>
  Layer.mergeAll(LaneLayer.layer, InstanceLayer.layer, sessions, Counter.layer).pipe(
    Layer.provide([PgFleet.layer, PgTasks.layer, PgOutputs.layer, PgPayloads.layer]),
    Layer.provide(DriverSet.layer([SimulatedDriver.make])),
    Layer.provide(SimulatedFleet.layer({ countExecutions: false, maxConcurrentRuns: 10_000 })),
    Layer.provideMerge(
      Cluster.layerRunner({
        serves: [defaultPlacement],
        host: "127.0.0.1",
        port,
        maxResident,
        leaseMillis
      })
    ),
    Layer.provide(Layer.provideMerge(Layer.effectDiscard(migrate), Database.layer({ url }))),
    Layer.orDie
  )

/** The least a stock entity can be. */
export const Bare = Entity.make("Bare", [Rpc.make("Touch", { success: Schema.Int })])

const stockSql = (url: Redacted.Redacted) => Layer.orDie(PgClient.layer({ url, maxConnections: 20 }))

export const layerBare = (url: Redacted.Redacted, port: number) =>
  Bare.toLayer(
    Effect.sync(() => {
      let touched = 0
      return { Touch: () => Effect.sync(() => ++touched) }
    }),
    { maxIdleTime: stays, concurrency: "unbounded" }
  ).pipe(
    Layer.provideMerge(
      NodeClusterSocket.layer({
        storage: "sql",
        shardingConfig: {
          runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)),
          maxResidentEntities: maxResident
        }
      })
    ),
    Layer.provide(stockSql(url)),
    Layer.orDie
  )

const script = fileURLToPath(new URL("runner.ts", import.meta.url))

/** A runner of `kind` in a process of its own, until the scope closes. */
export const startRunner = Effect.fnUntraced(function* (kind: "clawster" | "bare", url: Redacted.Redacted) {
  const port = yield* TcpPorts.freePort
  return yield* Processes.start(script, [kind, Redacted.value(url), String(port)])
})

/** Asks the runner to stop, as an operator would, and waits until it has. */
export const stopRunner = Effect.fnUntraced(function* (runner: Processes.Running) {
  yield* runner.signal("SIGTERM")
  yield* runner.exited
})
