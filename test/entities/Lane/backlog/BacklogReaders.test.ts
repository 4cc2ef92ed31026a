import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { lookUp } from "../../../../src/entities/Lane/backlog/BacklogReaders.ts"
import { selfOf } from "../../../fixtures/Selves.ts"
import { LaneActor } from "../../../../src/entities/Lane/LaneActor.ts"
import type { LaneSignal } from "../../../../src/entities/Lane/LaneSignal.ts"
import { initial } from "../../../../src/entities/Lane/LaneState.ts"
import { TaskRows } from "../../../../src/ports/TaskRows.ts"
import type { LaneEvent } from "../../../../src/schema/events/LaneEvents.ts"
import { TaskId } from "../../../../src/schema/Ids.ts"
import type { TaskPhase } from "../../../../src/schema/Task.ts"
import { entityId, lane, taskSpec, tenantId } from "../LaneWorld.ts"

/** A lane that holds no task and was asked to cancel those of the rows, and its reader, which runs until it ends. */
const bench = Effect.fnUntraced(function* (
  phaseOf: (taskId: string, read: number) => TaskPhase,
  ...tasks: Array<string>
) {
  const seen = { reads: 0, cancelled: [] as Array<string>, warnings: [] as Array<unknown> }
  let state = initial(entityId)
  const apply = (events: ReadonlyArray<LaneEvent>) => {
    for (const event of events) {
      state = LaneActor.evolve(state, event)
      if (event._tag === "task.cancelled") seen.cancelled.push(event.taskId)
    }
  }
  apply([
    {
      _tag: "lane.internal_lookup_asked",
      tenantId,
      lane,
      at: 0,
      lookups: tasks.map((task) => ({ taskId: TaskId.make(task), want: "cancel" }))
    }
  ])
  const none = Effect.die("not read here")
  const rows = TaskRows.of({
    pending: () => none,
    scheduled: () => none,
    deadLettered: () => none,
    deadlines: () => none,
    get: (_lane, taskIds) =>
      Effect.sync(() => {
        seen.reads++
        assert.isBelow(seen.reads, 100, "rows are read without end")
        return taskIds.map((taskId) => ({
          task: taskSpec(taskId),
          rank: 0,
          attempt: 1,
          maxAttempts: 3,
          submittedAt: 0,
          phase: phaseOf(taskId, seen.reads),
          notBefore: undefined,
          endedAt: undefined
        }))
      })
  })
  const tell = Effect.fnUntraced(function* (signal: LaneSignal) {
    const now = yield* Clock.currentTimeMillis
    apply(LaneActor.signal!(state, signal, { entityId, now, requestId: "signal", epoch: 1, seq: 1 }).events)
  })
  const logger = Logger.make(({ message }) => void seen.warnings.push(message))
  const reader = yield* lookUp(selfOf(entityId, () => state, tell)).pipe(
    Effect.provideService(TaskRows, rows),
    Effect.provide(Logger.layer([logger])),
    Effect.forkChild({ startImmediately: true })
  )
  return { seen, reader, lookups: () => state.lookups.map(({ taskId }) => String(taskId)) }
})

describe("a lookup", () => {
  it.effect("of a task whose row says running for ever is given up and told, and the others go on", () =>
    Effect.gen(function* () {
      const { lookups, reader, seen } = yield* bench(
        (taskId) => (taskId === "zombie" ? "running" : "pending"),
        "zombie",
        "waits"
      )
      assert.deepStrictEqual([seen.cancelled, lookups()], [["waits"], ["zombie"]])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(reader)
      assert.deepStrictEqual(lookups(), [])
      assert.deepStrictEqual(seen.cancelled, ["waits"])
      assert.isAtMost(seen.reads, 5)
      assert.strictEqual(seen.warnings.length, 1)
      assert.include(String(seen.warnings[0]), "its row says running")
    })
  )

  it.effect("of a task that was running when its row was read is answered by what a later read finds", () =>
    Effect.gen(function* () {
      const { lookups, reader, seen } = yield* bench((_taskId, read) => (read < 3 ? "running" : "pending"), "back")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(reader)
      assert.deepStrictEqual([seen.cancelled, lookups(), seen.warnings], [["back"], [], []])
    })
  )
})
