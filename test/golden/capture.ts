/**
 * Writes what this version stores, for later versions to read: `node test/golden/capture.ts 2` makes `history.v2.json`.
 * A file that was released is never written again.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { writeFileSync } from "node:fs"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { TaskReads } from "../../src/ports/Reads.ts"
import { Session } from "../../src/entities/Session.ts"
import * as DriverSet from "../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import * as RunnerActors from "../../src/runners/RunnerActors.ts"
import {
  defaultPlacement,
  InstanceId,
  instanceEntityId,
  laneEntityId,
  LaneName,
  sessionEntityId,
  SessionId,
  TaskId,
  TenantId
} from "../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../src/schema/Lane.ts"
import type { TaskSpec } from "../../src/schema/Task.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import * as PgHistory from "../fixtures/store/PgHistory.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import { until } from "../fixtures/Until.ts"

const tenantId = TenantId.make("acme")
const lane = LaneName.make("default")

const taskOf = (name: string, message: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  taskId: TaskId.make(name),
  tenantId,
  lane,
  payload: { message },
  priority: "normal",
  hints: {},
  retry: { maxAttempts: 2, backoffMillis: 10, maxBackoffMillis: 20 },
  timeoutMillis: 30_000,
  ...more
})

const work = Effect.gen(function* () {
  const instanceId = InstanceId.make("sim")
  const instances = yield* ActorClient.make(Instance)
  const tasks = (yield* ActorClient.make(Lane))(laneEntityId(tenantId, lane))
  const session = (yield* ActorClient.make(Session))(sessionEntityId(tenantId, SessionId.make("talk")))
  const instance = instances(instanceEntityId(defaultPlacement, instanceId))
  yield* instance.Register({
    spec: {
      instanceId,
      driver: "simulated",
      placement: defaultPlacement,
      tenancy: { _tag: "shared" },
      capabilities: ["coding"],
      allowedModels: [],
      enabledChannels: [],
      maxConcurrentTasks: 4,
      maxConcurrentSessions: 4,
      maxAgents: 4,
      resourceLimits: {}
    }
  })
  yield* until(
    "warm",
    Effect.map(instance.InstanceGet(), ({ phase }) => phase === "warm")
  )
  yield* tasks.Configure({ config: { ...defaultLaneConfig, concurrency: 8 } })
  yield* tasks.Submit({
    tasks: [
      taskOf("fine", "hello", { priority: "high" }),
      taskOf("wrong", "[[error 400]]"),
      taskOf("broken", "[[error 500]]"),
      taskOf("later", "later", { notBefore: 4_000_000_000_000 }),
      taskOf("stuck", "nobody can", { hints: { requiredCapabilities: ["flying"] } }),
      taskOf("cancelled", "[[delay 20000]]")
    ]
  })
  const counts = Effect.flatMap(TaskReads, (reads) => reads.counts(tenantId))
  yield* until(
    "most ended",
    Effect.map(counts, (now) => (now.completed ?? 0) + (now.failed ?? 0) + (now.dead_lettered ?? 0) >= 3)
  )
  yield* tasks.Cancel({ taskId: TaskId.make("cancelled"), reason: "changed my mind" })
  yield* until(
    "cancelled",
    Effect.map(counts, (now) => now.cancelled === 1)
  )
  yield* session.SessionCreate({ hints: {}, label: "golden" })
  for (const turnId of ["one", "two"]) yield* session.TurnSend({ turnId, message: turnId, timeoutMillis: 30_000 })
  yield* until(
    "talked",
    Effect.map(session.SessionGet(), ({ turnsCompleted }) => turnsCompleted === 2)
  )
  yield* session.SessionTerminate()
  yield* until(
    "closed",
    Effect.map(session.SessionGet(), ({ phase }) => phase === "closed")
  )
  yield* instance.Stop({ graceMillis: 0 })
  yield* until(
    "stopped",
    Effect.map(instance.InstanceGet(), ({ phase }) => phase === "stopped")
  )
})

const capture = Effect.gen(function* () {
  yield* work
  const sql = yield* PgClient.PgClient
  const views = yield* sql.unsafe(
    `SELECT entity_type AS "entityType", entity_id AS "entityId", doc FROM clawster_views ORDER BY 1, 2`
  )
  return { rows: yield* PgHistory.read, views }
})

const layer = RunnerActors.layer.pipe(
  Layer.provideMerge(DriverSet.layer([SimulatedDriver.make])),
  Layer.provideMerge(SimulatedFleet.layer({ startMillis: 10 })),
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provideMerge(PgTasks.layer),
  Layer.provideMerge(Postgres.layer)
)

const version = process.argv[2] ?? "1"
const history = await Effect.runPromise(Effect.provide(capture, layer))
writeFileSync(new URL(`./history.v${version}.json`, import.meta.url), `${JSON.stringify(history, null, 1)}\n`)
process.exit(0)
