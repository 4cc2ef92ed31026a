/**
 * 50 simulated instances take 10,000 tasks of mixed priority, capability, region and tenant, over a real PostgreSQL.
 */
import { assert, it } from "@effect/vitest"
import { Array, Effect, Layer, References, Schedule, Stream } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { InstanceReads } from "../../src/ports/InstanceReads.ts"
import { Feed, TaskReads } from "../../src/ports/Reads.ts"
import { ViewReads } from "../../src/ports/ViewReads.ts"
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
  regionPlacement,
  sessionEntityId,
  SessionId,
  TaskId,
  TenantId
} from "../../src/schema/Ids.ts"
import type { FeedEvent } from "../../src/schema/feed/Feed.ts"
import type { InstanceSpec } from "../../src/schema/Instance.ts"
import { SessionStatus } from "../../src/schema/Session.ts"
import { defaultLaneConfig } from "../../src/schema/Lane.ts"
import { defaultRetryPolicy, type TaskSpec } from "../../src/schema/Task.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as PgFeed from "../../src/shards/reads/feed/PgFeed.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import * as PgInstanceReads from "../../src/shards/reads/PgInstanceReads.ts"
import * as PgViewReads from "../../src/shards/reads/PgViewReads.ts"
import { caps } from "../../src/testing/checks/Caps.ts"
import { feedOrder } from "../../src/testing/checks/FeedOrder.ts"
import { eventsOf, type History, type Violation } from "../../src/testing/checks/History.ts"
import { priority, turnOrder } from "../../src/testing/checks/Order.ts"
import { allEnded, outcomes } from "../../src/testing/checks/Outcomes.ts"
import { ownership } from "../../src/testing/checks/Ownership.ts"
import * as PgHistory from "../fixtures/store/PgHistory.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"

const regions = ["eu", "us"] as const
const capabilities = ["coding", "analysis", "writing"] as const
const priorities = ["low", "normal", "high", "critical"] as const
const tenants = ["acme", "bolt", "core", "dune", "echo"].map((name) => TenantId.make(name))
const lanes = ["default", "bulk"].map((name) => LaneName.make(name))
const instanceCount = 50
const taskCount = 10_000
const tasksACall = 500

const pick = <A>(values: ReadonlyArray<A>, n: number): A => values[n % values.length]!

const specOf = (n: number): InstanceSpec => ({
  instanceId: InstanceId.make(`sim-${n}`),
  driver: "simulated",
  placement: n % 3 === 0 ? defaultPlacement : regionPlacement(pick(regions, n)),
  ...(n % 3 === 0 ? {} : { region: pick(regions, n) }),
  tenancy: n < 5 ? { _tag: "dedicated", tenantId: tenants[n]! } : { _tag: "shared" },
  capabilities: [pick(capabilities, n), pick(capabilities, n + 1)],
  allowedModels: [],
  enabledChannels: [],
  maxConcurrentTasks: 4 + (n % 5),
  maxConcurrentSessions: 1_000,
  maxAgents: 100,
  resourceLimits: {}
})

const taskOf = (n: number): TaskSpec => ({
  taskId: TaskId.make(`task-${n}`),
  tenantId: pick(tenants, n),
  lane: pick(lanes, n >> 3),
  payload: { message: `work ${n} [[delay ${n % 20}]]` },
  priority: pick(priorities, n >> 1),
  hints: {
    ...(n % 4 === 0 ? { requiredCapabilities: [pick(capabilities, n)] } : {}),
    ...(n % 5 === 0 ? { preferredRegion: pick(regions, n), regionRequired: n % 10 === 0 } : {})
  },
  retry: defaultRetryPolicy,
  timeoutMillis: 60_000
})

const layer = RunnerActors.layer.pipe(
  Layer.provideMerge(DriverSet.layer([SimulatedDriver.make])),
  Layer.provideMerge(SimulatedFleet.layer({ startMillis: 20 })),
  Layer.provideMerge(
    Cluster.layerSingle({
      serves: [defaultPlacement, ...regions.map(regionPlacement)]
    })
  ),
  Layer.provideMerge(Layer.mergeAll(PgFeed.layer, PgViewReads.layer, PgInstanceReads.layer, PgTasks.layer)),
  Layer.provideMerge(Postgres.layer)
)

const register = Effect.gen(function* () {
  const instances = yield* ActorClient.make(Instance)
  const reads = yield* InstanceReads
  yield* Effect.forEach(
    Array.makeBy(instanceCount, specOf),
    (spec) => instances(instanceEntityId(spec.placement, spec.instanceId)).Register({ spec }),
    { concurrency: 10 }
  )
  yield* reads.list({ limit: 1_000 }).pipe(
    Effect.repeat({
      until: ({ items }) => items.filter(({ phase }) => phase === "warm").length === instanceCount,
      schedule: Schedule.spaced("100 millis")
    }),
    Effect.timeout("60 seconds")
  )
})

const submit = Effect.gen(function* () {
  const client = yield* ActorClient.make(Lane)
  const byLane = Object.entries(
    Array.groupBy(Array.makeBy(taskCount, taskOf), ({ lane, tenantId }) => laneEntityId(tenantId, lane))
  )
  yield* Effect.forEach(
    byLane,
    ([entityId]) => client(entityId).Configure({ config: { ...defaultLaneConfig, concurrency: 25 } }),
    { discard: true }
  )
  yield* Effect.forEach(
    byLane,
    ([entityId, tasks]) =>
      Effect.forEach(Array.chunksOf(tasks, tasksACall), (part) => client(entityId).Submit({ tasks: part as never }), {
        discard: true
      }),
    { concurrency: "unbounded", discard: true }
  )
})

const converse = Effect.gen(function* () {
  const client = yield* ActorClient.make(Session)
  yield* Effect.forEach(
    Array.range(0, 9),
    (n) => {
      const session = client(sessionEntityId(pick(tenants, n), SessionId.make(`talk-${n}`)))
      return Effect.andThen(
        session.SessionCreate({ hints: {} }),
        Effect.forEach([1, 2, 3, 4, 5], (turn) =>
          session.TurnSend({ turnId: `turn-${turn}`, message: `turn ${turn} [[delay 5]]`, timeoutMillis: 60_000 })
        )
      )
    },
    { concurrency: "unbounded", discard: true }
  )
})

/**
 * I5, as far as there are dedicated instances: only their tenant's work runs there. And a demanded region is where it
 * ran.
 */
const placedRight = (history: History): ReadonlyArray<Violation> => {
  const specs = new Map(Array.makeBy(instanceCount, (n) => [`sim-${n}`, specOf(n)] as const))
  return [...eventsOf(history)].flatMap(({ event }) => {
    if (event._tag !== "task.started") return []
    const spec = specs.get(event["instanceId"])!
    const task = taskOf(Number(String(event["taskId"]).slice("task-".length)))
    const wrong = [
      spec.tenancy._tag === "dedicated" && spec.tenancy.tenantId !== task.tenantId,
      task.hints.regionRequired === true && spec.region !== task.hints.preferredRegion,
      !(task.hints.requiredCapabilities ?? []).every((capability) => spec.capabilities.includes(capability))
    ]
    return wrong.includes(true) ? [{ invariant: "I5", message: `${task.taskId} ran on ${spec.instanceId}` }] : []
  })
}

it.live(
  "50 instances end 10,000 mixed tasks and keep every guarantee",
  () =>
    Effect.gen(function* () {
      const feed = yield* Feed
      const start = yield* feed.position
      yield* register
      yield* submit
      yield* converse
      const reads = yield* TaskReads
      const counts = yield* reads.counts(undefined).pipe(
        Effect.repeat({
          until: (phases) => (phases.completed ?? 0) + (phases.failed ?? 0) + (phases.dead_lettered ?? 0) === taskCount,
          schedule: Schedule.spaced("200 millis")
        }),
        Effect.timeout("120 seconds")
      )
      assert.deepStrictEqual(counts, { completed: taskCount })
      const sessions = yield* (yield* ViewReads).list(Session, SessionStatus, { limit: 100 }).pipe(
        Effect.repeat({
          until: ({ items }) => items.every(({ turnsCompleted }) => turnsCompleted === 5),
          schedule: Schedule.spaced("200 millis")
        }),
        Effect.timeout("60 seconds")
      )
      assert.strictEqual(sessions.items.length, 10)
      const history = yield* PgHistory.read
      const total = history.reduce(
        (sum, { events }) => sum + events.filter(({ _tag }) => !_tag.includes(".internal_")).length,
        0
      )
      const shown: ReadonlyArray<FeedEvent> = yield* feed
        .follow(start)
        .pipe(Stream.take(total), Stream.runCollect, Effect.timeout("60 seconds"))
      const violations = [
        ...[ownership, allEnded, outcomes, caps, turnOrder, priority, placedRight].flatMap((check) => check(history)),
        ...feedOrder(history, shown)
      ]
      assert.deepStrictEqual(violations, [])
    }).pipe(
      Effect.provide(layer),
      /** A line a task would be ten thousand. */
      Effect.provideService(References.MinimumLogLevel, "Warn")
    ),
  240_000
)
