import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Option } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import { Session } from "../../../src/entities/Session.ts"
import * as DriverSet from "../../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import * as RunnerActors from "../../../src/runners/RunnerActors.ts"
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
} from "../../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../../src/schema/Lane.ts"
import { defaultRetryPolicy, type TaskSpec } from "../../../src/schema/Task.ts"
import { Ownership } from "../../../src/actor/Ownership.ts"
import { shardsPerGroup } from "../../../src/shards/ClusterConfig.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as Forgetting from "../../../src/shards/retention/Forgetting.ts"
import * as JournalPruning from "../../../src/shards/retention/JournalPruning.ts"
import * as PgTaskCounts from "../../../src/shards/reads/tasks/PgTaskCounts.ts"
import { Counter, definition } from "../../fixtures/Counter.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { until } from "../../fixtures/Until.ts"

const tenantId = TenantId.make("acme")
const tables = ["journal", "snapshots", "views", "wakes", "outbox"].map((name) => `clawster_${name}`)
const cluster = Cluster.layerSingle({ serves: [defaultPlacement] })

const product = RunnerActors.layer.pipe(
  Layer.provide(DriverSet.layer([SimulatedDriver.make])),
  Layer.provide(SimulatedFleet.layer({ startMillis: 1 })),
  Layer.provideMerge(cluster)
)

const owning = Effect.gen(function* () {
  const { owned } = yield* Ownership
  yield* until(
    "the runner has its shards",
    Effect.map(owned, ({ length }) => length === shardsPerGroup)
  )
})

/** A runner of its own: what an earlier one had in memory is not in this one's. */
const onRunner = <A, E>(layer: Layer.Layer<any, any, any>, use: Effect.Effect<A, E, any>) =>
  Effect.scoped(
    Effect.flatMap(Layer.build(Layer.fresh(layer)), (context) => Effect.provide(Effect.andThen(owning, use), context))
  ) as Effect.Effect<A, E, PgClient.PgClient>

/** As if nobody had addressed any of them for as long as history is kept. */
const historyGoes = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const pass = yield* JournalPruning.make
  yield* sql.unsafe("UPDATE clawster_journal SET at = 0")
  yield* pass.sweep((yield* Clock.currentTimeMillis) - 1)
  yield* Effect.sleep("2 millis")
  yield* pass.sweep((yield* Clock.currentTimeMillis) - 1)
})

const rowsOf = (entityType: string, entityId: string) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const found = yield* Effect.forEach(tables, (table) =>
      sql.unsafe(`SELECT FROM ${table} WHERE entity_type = $1::text AND entity_id = $2::text`, [entityType, entityId])
    )
    return found.reduce((sum, rows) => sum + rows.length, 0)
  })

const taskOf = (id: string, lane: LaneName): TaskSpec => ({
  taskId: TaskId.make(id),
  tenantId,
  lane,
  payload: { message: "work" },
  priority: "normal",
  hints: {},
  retry: defaultRetryPolicy,
  timeoutMillis: 60_000
})

/**
 * Whoever still has something under way would be woken by the next runner. The instance that stays always has. A lane
 * that holds slots has not ended, and gives them back a while after their last use.
 */
const atRest = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const busy = sql.unsafe(
    `SELECT entity_id FROM clawster_outbox UNION ALL SELECT entity_id FROM clawster_wakes 
     WHERE resident AND entity_id <> $1::text OR entity_type = 'Lane' AND due_at IS NOT NULL`,
    [staying]
  )
  yield* until(
    "nothing is under way",
    Effect.map(busy, ({ length }) => length === 0)
  )
})

const once = laneEntityId(tenantId, LaneName.make("once"))
const slow = laneEntityId(tenantId, LaneName.make("slow"))
const over = sessionEntityId(tenantId, SessionId.make("over"))
const open = sessionEntityId(tenantId, SessionId.make("open"))
const passing = instanceEntityId(defaultPlacement, InstanceId.make("passing"))
const staying = instanceEntityId(defaultPlacement, InstanceId.make("staying"))

const runTask = (entityId: string, id: string) =>
  Effect.gen(function* () {
    const lane = (yield* ActorClient.make(Lane))(entityId)
    const before = (yield* lane.LaneGet()).completed
    yield* lane.Submit({ tasks: [taskOf(id, LaneName.make(entityId.split("/")[1]!))] })
    yield* until(
      "the task has ended",
      Effect.map(lane.LaneGet(), ({ completed }) => completed > before)
    )
  })

const aDay = Effect.gen(function* () {
  const session = yield* ActorClient.make(Session)
  const instance = yield* ActorClient.make(Instance)
  for (const id of [passing, staying]) {
    yield* instance(id).Register({ spec: instanceSpec(id.split("/")[1]!, { driver: "simulated" }) })
    yield* until(
      "it is warm",
      Effect.map(instance(id).InstanceGet(), ({ phase }) => phase === "warm")
    )
  }
  yield* (yield* ActorClient.make(Lane))(slow).Configure({ config: { ...defaultLaneConfig, concurrency: 1 } })
  for (const id of [once, slow]) yield* runTask(id, `task-${id.split("/")[1]}`)
  for (const id of [over, open]) {
    yield* session(id).SessionCreate({ hints: {} })
    yield* session(id).TurnSend({ turnId: "turn-1", message: "hello", timeoutMillis: 60_000 })
    yield* until(
      "the turn has ended",
      Effect.map(session(id).SessionGet(), ({ turnsCompleted }) => turnsCompleted === 1)
    )
  }
  yield* session(over).SessionTerminate()
  yield* until(
    "it is closed",
    Effect.map(session(over).SessionGet(), ({ phase }) => phase === "closed")
  )
  yield* instance(passing).Deregister({ force: true })
  yield* until(
    "it is gone",
    Effect.map(Effect.exit(instance(passing).InstanceGet()), ({ _tag }) => _tag === "Failure")
  )
  yield* atRest
})

const counts = Effect.flatMap(PgClient.PgClient, (sql) => PgTaskCounts.read(sql, tenantId))

const removeEnded = Effect.gen(function* () {
  const { sweep } = yield* Forgetting.make(Duration.millis(20))
  return yield* sweep
})

it.layer(Postgres.layer, { timeout: 120_000, excludeTestServices: true })(
  "what is stored of actors that have ended",
  (it) => {
    it.effect("goes with their history, and of those that have not ended it stays; a removed id is new", () =>
      Effect.gen(function* () {
        yield* onRunner(product, aDay)
        const before = yield* counts
        yield* onRunner(
          product,
          Effect.gen(function* () {
            assert.strictEqual(yield* removeEnded, 0)
            yield* historyGoes
            assert.strictEqual(yield* removeEnded, 3)
            for (const [type, id] of [
              ["Session", over],
              ["Lane", once],
              ["Instance", passing]
            ] as const) {
              assert.strictEqual(yield* rowsOf(type, id), 0, `${type} ${id}`)
            }
            for (const [type, id] of [
              ["Session", open],
              ["Lane", slow],
              ["Instance", staying]
            ] as const) {
              assert.isAtLeast(yield* rowsOf(type, id), 2, `${type} ${id}`)
            }
            assert.deepStrictEqual(yield* counts, before)
          })
        )
        yield* onRunner(
          product,
          Effect.gen(function* () {
            const session = (yield* ActorClient.make(Session))(over)
            assert.strictEqual((yield* session.SessionCreate({ hints: {} })).phase, "open")
            assert.strictEqual((yield* session.SessionGet()).turnsCompleted, 0)
            yield* runTask(once, "another")
            assert.strictEqual((yield* counts).completed, (before.completed ?? 0) + 1)
          })
        )
      })
    )

    it.effect("of a runner of before the column is looked at, and goes too", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const empty = laneEntityId(tenantId, LaneName.make("of-before"))
        yield* onRunner(product, Effect.andThen(runTask(empty, "of-before"), atRest))
        yield* onRunner(
          product,
          Effect.gen(function* () {
            yield* historyGoes
            yield* sql.unsafe("UPDATE clawster_snapshots SET ended = NULL")
            yield* removeEnded
            assert.strictEqual(yield* rowsOf("Lane", empty), 0)
            assert.isAtLeast(yield* rowsOf("Lane", slow), 2)
            const [left] = yield* sql.unsafe<{ count: number }>(
              "SELECT count(*)::int AS count FROM clawster_snapshots WHERE ended IS NULL"
            )
            assert.strictEqual(left!.count, 0)
          })
        )
      })
    )
  }
)

/** One that counts to nothing has ended. */
const counters = ActorLayer.layer(
  { ...definition, isEnded: ({ jobs, later, total }) => total === 0 && later.length + jobs.length === 0 },
  {
    perform: () => Effect.never
  }
).pipe(Layer.provideMerge(cluster))
const names = (kind: string) => Array.from({ length: 40 }, (_, n) => `${kind}-${n}`)

it.layer(Postgres.layer, { timeout: 120_000, excludeTestServices: true })("an actor that has ended", (it) => {
  it.effect("loses no commit when it is addressed at the moment of its removal", () =>
    Effect.gen(function* () {
      const called = names("called")
      const quiet = names("quiet")
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const counter = yield* ActorClient.make(Counter)
          yield* Effect.forEach(
            [...called, ...quiet],
            (id) => Effect.andThen(counter(id).Add({ by: 1 }), counter(id).Add({ by: -1 })),
            { concurrency: 8 }
          )
        })
      )
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          yield* historyGoes
          const counter = yield* ActorClient.make(Counter)
          const call = (id: string, n: number) => Effect.delay(counter(id).Add({ by: 1 }), n * 3)
          const [removed, answers] = yield* Effect.all(
            [removeEnded, Effect.forEach(called, call, { concurrency: "unbounded" })],
            { concurrency: 2 }
          )
          assert.isAtLeast(removed, quiet.length)
          assert.deepStrictEqual(new Set(answers), new Set([1]))
        })
      )
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const counter = yield* ActorClient.make(Counter)
          for (const id of called) assert.strictEqual(yield* counter(id).Get(), 1, id)
          for (const id of quiet) assert.strictEqual(yield* rowsOf("TestCounter", id), 0, id)
        })
      )
    })
  )

  it.effect("is not loaded before its removal has ended, so that it never goes on from what is being removed", () =>
    Effect.gen(function* () {
      const id = "met"
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const counter = yield* ActorClient.make(Counter)
          yield* counter(id).Add({ by: 1 })
          yield* counter(id).Add({ by: -1 })
        })
      )
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          const counter = yield* ActorClient.make(Counter)
          yield* historyGoes
          const other = yield* sql.reserve
          const hold = (text: string) => other.execute(text, [], undefined)
          yield* hold("BEGIN")
          yield* hold(`SELECT FROM clawster_snapshots WHERE entity_id = '${id}' FOR UPDATE`)
          const removing = yield* Effect.forkScoped(removeEnded)
          yield* until(
            "the removal is under way",
            Effect.map(
              sql.unsafe(
                `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DELETE FROM clawster_snapshots%'`
              ),
              ({ length }) => length > 0
            )
          )
          const adding = yield* Effect.forkScoped(counter(id).Add({ by: 1 }))
          assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Fiber.await(adding), "1 second")))
          yield* hold("COMMIT")
          assert.strictEqual(yield* Fiber.join(removing), 1)
          assert.strictEqual(yield* Fiber.join(adding), 1)
        }).pipe(Effect.scoped)
      )
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const counter = yield* ActorClient.make(Counter)
          assert.strictEqual(yield* counter(id).Get(), 1)
        })
      )
    })
  )

  it.effect("is kept by a runner that has lost its shard, and while it is in memory", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const counter = yield* ActorClient.make(Counter)
          yield* Effect.forEach(["lost"], (id) =>
            Effect.andThen(counter(id).Add({ by: 1 }), counter(id).Add({ by: -1 }))
          )
        })
      )
      yield* onRunner(
        counters,
        Effect.gen(function* () {
          const counter = yield* ActorClient.make(Counter)
          yield* historyGoes
          yield* sql.unsafe("UPDATE clawster_shards SET epoch = epoch + 1")
          yield* removeEnded
          assert.isAtLeast(yield* rowsOf("TestCounter", "lost"), 1)
          yield* sql.unsafe("UPDATE clawster_shards SET epoch = epoch - 1")
          assert.strictEqual(yield* counter("lost").Get(), 0)
          yield* removeEnded
          assert.isAtLeast(yield* rowsOf("TestCounter", "lost"), 1)
        })
      )
      yield* onRunner(counters, removeEnded)
      assert.strictEqual(yield* rowsOf("TestCounter", "lost"), 0)
    })
  )
})
