import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { layer as instanceLayer } from "../../../src/entities/Instance/InstanceLayer.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import * as MemoryTaskRows from "../../../src/entities/Lane/backlog/MemoryTaskRows.ts"
import { layer as laneLayer } from "../../../src/entities/Lane/LaneLayer.ts"
import { layer as sessionLayer } from "../../../src/entities/Session/SessionLayer.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { InstanceId, LaneName, SessionId, TaskId } from "../../../src/schema/Ids.ts"
import type { TaskSpec } from "../../../src/schema/Task.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"
import { events, laneId, moveAway, outside, started, tenantId } from "../Instance/InstanceRig.ts"
import { created, fleetOfViews, session, sessionEntity, turn, untilTurn } from "./SessionRig.ts"

const withLanes = Effect.provide(
  Layer.mergeAll(
    instanceLayer,
    sessionLayer.pipe(Layer.provide(fleetOfViews)),
    laneLayer.pipe(Layer.provide([fleetOfViews, MemoryTaskRows.layer]))
  ).pipe(Layer.provideMerge(outside()), Layer.provideMerge(MemoryCluster.layer))
)

const lane = Effect.map(ActorClient.make(Lane), (client) => client(laneId))

const task = (taskId: string, overrides: Partial<TaskSpec> = {}): TaskSpec => ({
  taskId: TaskId.make(taskId),
  tenantId,
  lane: LaneName.make("default"),
  sessionId: SessionId.make("s"),
  payload: { message: taskId },
  priority: "normal",
  hints: {},
  retry: { maxAttempts: 3, backoffMillis: 100, maxBackoffMillis: 1_000 },
  timeoutMillis: 60_000,
  idIsNew: true,
  ...overrides
})

const submit = (...tasks: [TaskSpec, ...Array<TaskSpec>]) =>
  Effect.flatMap(lane, (client) => Effect.orDie(client.Submit({ tasks })))

const eventsOf = (taskId: string) =>
  Effect.map(events("Lane", laneId), (all) => all.filter((event) => event.taskId === taskId))

const untilEnded = (taskId: string, tag = "task.completed") =>
  untilVirtually(
    `${taskId} has ended`,
    Effect.map(eventsOf(taskId), (all) => all.some(({ _tag }) => _tag === tag))
  )

/** Runs of tasks and turns on the instance, in the order in which they began and ended. */
const runs = Effect.map(events("Instance", "default/a"), (all) =>
  all.flatMap(({ _tag, taskId, turnId }) =>
    _tag === "run.accepted" ? [`+${taskId ?? turnId}`] : _tag === "run.ended" ? [`-${taskId ?? turnId}`] : []
  )
)

describe("Tasks in a session", () => {
  it.effect("run at the session's instance, one after another with its turns, with their own result and events", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "[[delay 500]] first"))
      yield* submit(task("k1", { payload: { message: "[[delay 500]] of the task" } }))
      yield* untilVirtually(
        "the session knows of the task",
        Effect.map(events("Session", sessionEntity("s")), (all) =>
          all.some(({ _tag }) => _tag === "session.internal_turn_asked")
        )
      )
      yield* client.TurnSend(turn("t2", "[[delay 500]] last"))
      yield* untilTurn("s", "t2", "completed")
      yield* untilEnded("k1")
      assert.deepStrictEqual(yield* runs, ["+t1", "-t1", "+k1", "-k1", "+t2", "-t2"])
      const all = yield* eventsOf("k1")
      assert.deepInclude(
        all.find(({ _tag }) => _tag === "task.started"),
        { instanceId: InstanceId.make("a"), onTurn: true }
      )
      assert.include(all.find(({ _tag }) => _tag === "task.completed")?.result.text, "of the task")
      const progress = (yield* events("Instance", "default/a")).filter(
        ({ _tag, taskId }) => taskId === "k1" && _tag.endsWith("progress")
      )
      assert.deepStrictEqual([...new Set(progress.map(({ _tag }) => _tag))], ["task.progress"])
      const status = yield* client.SessionGet()
      assert.deepStrictEqual(
        status.turns.map(({ turnId }) => turnId),
        ["t1", "t2"]
      )
    }).pipe(withLanes)
  )

  it.effect("give a conversation to a session that nobody created, and share it with its turns", () =>
    Effect.gen(function* () {
      yield* started("a")
      yield* submit(task("k1"))
      yield* untilEnded("k1")
      const client = yield* session("s")
      assert.deepInclude(yield* client.SessionGet(), { phase: "idle", instanceId: InstanceId.make("a"), queued: 0 })
      yield* client.TurnSend(turn("t1"))
      yield* untilTurn("s", "t1", "completed")
      const fleet = yield* SimulatedFleet
      const keys = fleet.executions.all().map(({ runKey }) => runKey)
      assert.deepStrictEqual(keys.toSorted(), ["Lane:acme:default:k1.1", "Session:acme:s:t1.1"])
    }).pipe(withLanes)
  )

  it.effect("each run once, though the gateway crashes and the instance moves in between", () =>
    Effect.gen(function* () {
      yield* started("a")
      const fleet = yield* SimulatedFleet
      const client = yield* created("s")
      const names = Array.from({ length: 6 }, (_, n) => `k${n}`)
      for (const [n, name] of names.entries()) {
        yield* submit(task(name, { payload: { message: `[[delay 300]] ${name}` }, timeoutMillis: 120_000 }))
        yield* client.TurnSend(turn(`t${n}`, `[[delay 300]] t${n}`, 120_000))
      }
      yield* untilTurn("s", "t1", "running")
      yield* fleet.crash("a")
      yield* untilTurn("s", "t3", "running")
      yield* moveAway("a")
      for (const name of names) yield* untilEnded(name)
      yield* untilTurn("s", "t5", "completed")
      for (const { executions, runKey } of fleet.executions.all()) assert.strictEqual(executions, 1, runKey)
      let open = 0
      for (const mark of yield* runs) {
        open += mark.startsWith("+") ? 1 : -1
        assert.isAtMost(open, 1, "two runs of one session at once")
      }
    }).pipe(withLanes)
  )

  it.effect("fail with SessionClosed when the session is terminated, and the one that runs is cancelled", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* submit(task("k1", { payload: { message: "[[delay 5000]] long" } }), task("k2"))
      yield* untilVirtually(
        "k1 runs",
        Effect.map(eventsOf("k1"), (all) => all.some(({ _tag }) => _tag === "task.started"))
      )
      yield* client.SessionTerminate(undefined)
      yield* untilEnded("k1", "task.cancelled")
      yield* untilEnded("k2", "task.failed")
      const failed = (yield* eventsOf("k2")).find(({ _tag }) => _tag === "task.failed")
      assert.deepInclude(failed?.error, { code: "SessionClosed", retryable: false })
      yield* untilVirtually(
        "the session is closed",
        Effect.map(events("Session", sessionEntity("s")), (all) => all.some(({ _tag }) => _tag === "session.closed"))
      )
    }).pipe(withLanes)
  )
})
