import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../../src/actor/memory/MemoryOwnership.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import type { TaskRow } from "../../../src/entities/Lane/backlog/TaskRow.ts"
import { defaultLaneConfig } from "../../../src/schema/Lane.ts"
import { TaskId } from "../../../src/schema/Ids.ts"
import { terminalPhases, type TaskSpec } from "../../../src/schema/Task.ts"
import { layer, rows, Seen, slots, untilRows } from "./LaneCluster.ts"
import { entityId, taskSpec } from "./LaneWorld.ts"

const lane = Effect.map(ActorClient.make(Lane), (clientOf) => clientOf(entityId))

const task = (taskId: string, message: string, overrides: Partial<TaskSpec> = {}) =>
  taskSpec(taskId, {
    payload: { message },
    retry: { maxAttempts: 2, backoffMillis: 5, maxBackoffMillis: 20 },
    ...overrides
  })

const many = (count: number, message: (index: number) => string, overrides: Partial<TaskSpec> = {}) =>
  Array.from({ length: count }, (_, index) => task(`t${index}`, message(index), overrides)) as [
    TaskSpec,
    ...Array<TaskSpec>
  ]

const allEnded = (rows: ReadonlyArray<TaskRow>) => rows.every(({ phase }) => terminalPhases.has(phase))

const setUp = Effect.provide(layer)

describe("Lane", () => {
  it.live("runs a task and keeps its result", () =>
    Effect.gen(function* () {
      const main = yield* lane
      const [outcome] = yield* main.Submit({ tasks: [task("t1", "done")] })
      assert.deepInclude(outcome, { outcome: "accepted", phase: "pending" })
      const [row] = yield* untilRows(allEnded)
      assert.deepInclude(row, { phase: "completed", attempt: 1, result: { text: "done", durationMillis: 1 } })
      assert.include(row?.because ?? "", "LeastLoaded")
    }).pipe(setUp, Effect.provide(Seen.layer))
  )

  it.live("starts an arrival, and what an end makes room for, in the same commit", () =>
    Effect.gen(function* () {
      const [main, store] = [yield* lane, yield* MemoryStore]
      const commits: Array<string> = []
      yield* main.Configure({ config: { ...defaultLaneConfig, concurrency: 1 } })
      store.faults.next = ({ address, entries }) => {
        if (address.entityType === "Lane") commits.push(entries.map(({ command }) => command).join(" "))
        return "none"
      }
      yield* main.Submit({ tasks: [task("first", "done"), task("second", "done")] })
      yield* untilRows((rows) => rows.length === 2 && allEnded(rows))
      assert.deepStrictEqual(commits, ["Submit Assign", "AttemptEnded Assign", "AttemptEnded"])
    }).pipe(setUp, Effect.provide(Seen.layer))
  )

  it.live("drains a long backlog, each task once, within the slots of instances it sees late", () =>
    Effect.gen(function* () {
      const [main, seen] = [yield* lane, yield* Seen]
      const count = 3_000
      const tasks = many(count, (index) => (index % 50 === 0 ? "slow 3" : "done"))
      for (let from = 0; from < count; from += 500) {
        yield* main.Submit({ tasks: tasks.slice(from, from + 500) as typeof tasks })
      }
      const ended = yield* untilRows((rows) => rows.length === count && allEnded(rows))
      assert.isTrue(ended.every(({ attempt, phase }) => phase === "completed" && attempt === 1))
      assert.isAtMost(seen.most, slots)
      assert.strictEqual(seen.runs.size, count)
      assert.isTrue([...seen.runs.values()].every((runs) => runs === 1))
      assert.deepInclude(yield* main.LaneGet(), { pending: 0, running: 0, completed: count, failed: 0 })
    }).pipe(setUp, Effect.provide(Seen.layer))
  )

  it.live("tries again what failed, gives up what cannot succeed, and replays dead letters", () =>
    Effect.gen(function* () {
      const main = yield* lane
      yield* main.Submit({ tasks: [task("flaky", "flaky"), task("bad", "bad"), task("broken", "broken")] })
      const ended = yield* untilRows(allEnded)
      const phases = Object.fromEntries(ended.map(({ attempt, phase, task_id }) => [task_id, [phase, attempt]]))
      assert.deepStrictEqual(phases, { flaky: ["completed", 2], bad: ["failed", 1], broken: ["dead_lettered", 2] })
      assert.deepStrictEqual(yield* main.Replay({ taskIds: [] }), { replayed: [TaskId.make("broken")] })
      const [again] = yield* untilRows((rows) =>
        rows.some(({ attempt, phase }) => attempt === 4 && phase === "dead_lettered")
      ).pipe(Effect.map((rows) => rows.filter(({ task_id }) => task_id === "broken")))
      assert.deepInclude(again, { max_attempts: 4 })
    }).pipe(setUp, Effect.provide(Seen.layer))
  )

  it.live("does not run a task again whose id was used before", () =>
    Effect.gen(function* () {
      const [main, seen] = [yield* lane, yield* Seen]
      const same = task("same", "done", { idIsNew: false })
      yield* main.Submit({ tasks: [same] })
      yield* untilRows(allEnded)
      yield* main.Submit({ tasks: [same] })
      yield* main.Submit({ tasks: [task("after", "done")] })
      yield* untilRows((rows) => rows.length === 2 && allEnded(rows))
      let status = yield* main.LaneGet()
      while (status.pending > 0) status = yield* main.LaneGet()
      assert.deepInclude(status, { pending: 0, running: 0, completed: 2 })
      assert.deepStrictEqual(
        [...seen.runs],
        [
          ["same.1", 1],
          ["after.1", 1]
        ]
      )
    }).pipe(setUp, Effect.provide(Seen.layer))
  )

  it.live("aborts a running task and cancels waiting ones, also behind the window", () =>
    Effect.gen(function* () {
      const main = yield* lane
      yield* main.Configure({ config: { ...defaultLaneConfig, concurrency: 1 } })
      yield* main.Submit({ tasks: [task("first", "hang")] })
      yield* untilRows((rows) => rows[0]?.phase === "running")
      yield* main.Submit({ tasks: many(600, () => "done") })
      assert.strictEqual((yield* main.Cancel({ taskId: TaskId.make("t0") })).phase, "cancelled")
      assert.strictEqual((yield* main.Cancel({ taskId: TaskId.make("t99") })).phase, "pending")
      yield* untilRows((rows) => rows.filter(({ phase }) => phase === "cancelled").length === 2)
      const explained = yield* main.Explain({ taskId: TaskId.make("t1") })
      assert.match(explained.waitingFor ?? "", /^a slot: 1 of 1 of lane main run \(1 of 598/)
      assert.strictEqual((yield* main.Cancel({ taskId: TaskId.make("first") })).phase, "running")
      const ended = yield* untilRows(allEnded)
      assert.strictEqual(ended.filter(({ phase }) => phase === "cancelled").length, 3)
      assert.strictEqual(ended.filter(({ phase }) => phase === "completed").length, 598)
    }).pipe(setUp, Effect.provide(Seen.layer))
  )

  it.live("ends every task once though commits fail, replies are lost and the lane moves", () =>
    Effect.gen(function* () {
      const [main, store, control] = [yield* lane, yield* MemoryStore, yield* MemoryOwnershipControl]
      let commits = 0
      let faults = 0
      store.faults.next = (commit) => {
        if (commit.address.entityType !== "Lane" || ++commits % 7 !== 0 || faults >= 40) return "none"
        return ++faults % 2 === 0 ? "refuse" : "lose-reply"
      }
      const tasks = many(600, (index) => (index % 9 === 0 ? "flaky" : index % 5 === 0 ? "slow 2" : "done"))
      yield* main.Submit({ tasks: tasks.slice(0, 300) as typeof tasks })
      const { address } = store.actors.get(`Lane/${entityId}`)!
      yield* control.revoke(address.shardId)
      yield* main.Submit({ tasks: tasks.slice(300) as typeof tasks })
      const ended = yield* untilRows((rows) => rows.length === 600 && allEnded(rows))
      assert.isAbove(faults, 10)
      assert.isTrue(ended.every(({ phase }) => phase === "completed"))
      assert.deepInclude(yield* main.LaneGet(), { pending: 0, scheduled: 0, running: 0, completed: 600 })
      const endings = store.actors
        .get(`Lane/${entityId}`)!
        .entries.flatMap(({ events }) =>
          events.filter((event) => (event as { _tag: string })._tag === "task.completed")
        )
      assert.strictEqual(endings.length, 600)
      assert.strictEqual((yield* rows).length, 600)
    }).pipe(setUp, Effect.provide(Seen.layer))
  )
})
