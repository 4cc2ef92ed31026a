/** What is legal at the edge can be loaded again, however much of it an actor has. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Instance } from "../../src/entities/Instance.ts"
import * as Catalogued from "../../src/entities/catalog/Actors.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { Session } from "../../src/entities/Session.ts"
import * as DriverSet from "../../src/instances/InstanceDriverSet.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
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
import { defaultRetryPolicy, type TaskSpec } from "../../src/schema/Task.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as PgOutputs from "../../src/shards/journal/PgOutputs.ts"
import * as PgPayloads from "../../src/shards/reads/PgPayloads.ts"
import * as PgFleet from "../../src/shards/reads/PgFleet.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import { bounds } from "../../src/schema/text/Bounds.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import { until } from "../fixtures/Until.ts"

const tenantId = TenantId.make("large")
const other = TenantId.make("other")
const lane = LaneName.make("bulk")
const instanceId = InstanceId.make("shared")
const sessionId = SessionId.make("talk")

/** As long as the edge allows; `hang` and `mark` are what the gateway does with it. */
const messageOf = (mark: string): string => `[[hang]] ${mark} `.padEnd(bounds.message, "lorem ipsum dolor sit amet ")

const task = (tenant: TenantId, id: string, message: string): TaskSpec => ({
  taskId: TaskId.make(id),
  tenantId: tenant,
  lane,
  payload: { message },
  priority: "normal",
  hints: {},
  retry: defaultRetryPolicy,
  timeoutMillis: 3_600_000,
  idIsNew: true
})

const runner = Catalogued.layer.pipe(
  Layer.provide([
    PgFleet.layer,
    PgTasks.layer,
    PgOutputs.layer,
    PgPayloads.layer,
    DriverSet.layer([SimulatedDriver.make])
  ]),
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] }))
)

/** On a runner that begins with what is stored, and is gone afterwards. */
const onRunner = <A, E>(effect: Effect.Effect<A, E, Sharding.Sharding>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = (yield* Effect.provide(Layer.build(runner), Context.empty()).pipe(
      Scope.provide(scope)
    )) as Context.Context<Sharding.Sharding>
    const result = yield* Effect.exit(Effect.provide(effect, context))
    yield* Scope.close(scope, Exit.void)
    return yield* result
  })

const actors = Effect.gen(function* () {
  const lanes = yield* ActorClient.make(Lane)
  return {
    lane: lanes(laneEntityId(tenantId, lane)),
    others: lanes(laneEntityId(other, lane)),
    instance: (yield* ActorClient.make(Instance))(instanceEntityId(defaultPlacement, instanceId)),
    session: (yield* ActorClient.make(Session))(sessionEntityId(tenantId, sessionId))
  }
})

/** Messages that reached a gateway as long as the edge allows. */
const heard = { whole: 0 }

const layer = SimulatedFleet.layer({
  maxConcurrentRuns: 200,
  handler: ({ message }) => {
    if (message.length === bounds.message) heard.whole++
    return message.startsWith("[[hang]]") ? { outcome: "hang" } : { text: "done" }
  }
}).pipe(Layer.provideMerge(Postgres.layer))
const concurrency = 100
const calls = 25
const tasksACall = 40

const fill = Effect.gen(function* () {
  const { instance, lane, session } = yield* actors
  const spec = {
    ...instanceSpec("shared", { driver: "simulated" }),
    maxConcurrentTasks: 200,
    maxConcurrentSessions: 10
  }
  yield* instance.Register({ spec })
  yield* until(
    "the instance is warm",
    Effect.map(instance.InstanceGet(), ({ phase }) => phase === "warm")
  )
  yield* lane.Configure({ config: { ...defaultLaneConfig, concurrency } })
  for (let call = 0; call < calls; call++) {
    const [first, ...rest] = Array.from({ length: tasksACall }, (_, n) => {
      const id = `t-${call * tasksACall + n}`
      return task(tenantId, id, messageOf(id))
    })
    yield* lane.Submit({ tasks: [first!, ...rest] })
  }
  yield* session.SessionCreate({ hints: {} })
  for (let turn = 0; turn < 30; turn++) {
    yield* session.TurnSend({ turnId: `u-${turn}`, message: messageOf(`turn ${turn}`), timeoutMillis: 3_600_000 })
  }
  yield* until(
    "as many run as may",
    Effect.map(instance.InstanceGet(), ({ load }) => load.runningTasks === concurrency + 1),
    "120 seconds"
  )
})

const find = Effect.gen(function* () {
  const { instance, lane, others, session } = yield* actors
  const found = yield* lane.LaneGet(undefined, { timeoutMillis: 60_000 })
  assert.strictEqual(found.running + found.pending, calls * tasksACall)
  assert.strictEqual((yield* session.SessionGet(undefined, { timeoutMillis: 60_000 })).queued, 29)
  assert.strictEqual(
    (yield* instance.InstanceGet(undefined, { timeoutMillis: 60_000 })).load.runningTasks,
    concurrency + 1
  )
  yield* others.Submit({ tasks: [task(other, "theirs", "a short one")] })
  yield* until(
    "another tenant's task completes there",
    Effect.map(others.LaneGet(), ({ completed }) => completed === 1),
    "60 seconds"
  )
})

describe("A lane, a session and an instance with as much large text as the edge allows", () => {
  it.live(
    "are loaded again by the next runner, and another tenant's task runs beside them",
    () =>
      Effect.gen(function* () {
        yield* onRunner(fill)
        assert.strictEqual(heard.whole, concurrency + 1, "each gateway was given the whole text")
        yield* onRunner(find)
        const sql = yield* PgClient.PgClient
        const most = (column: string, table: string) =>
          Effect.map(
            sql.unsafe<{ most: number }>(
              `SELECT max(octet_length(${column}::text))::float8 AS most FROM clawster_${table}`
            ),
            ([row]) => row!.most
          )
        assert.isBelow(yield* most("events", "journal"), 9 * 1024 * 1024, "no entry is larger than a request")
        assert.isBelow(yield* most("state", "snapshots"), 10 * 1024 * 1024, "no state has all texts in it")
        const [copies] = yield* sql.unsafe<{ count: number }>(
          `SELECT count(*)::float8 AS count FROM clawster_journal, json_array_elements(events::json) AS e(event)
         WHERE entity_type = 'Instance' AND octet_length(event::text) > 20000`
        )
        assert.strictEqual(copies!.count, 0, "the instance's journal has no copies of long texts")
      }).pipe(Effect.provide(layer)),
    300_000
  )
})
