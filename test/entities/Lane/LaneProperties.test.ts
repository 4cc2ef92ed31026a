import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { comparePlaces, rankOf } from "../../../src/entities/Lane/backlog/Rank.ts"
import type { AttemptOutcome } from "../../../src/schema/runs/Attempt.ts"
import { LaneName, type TaskId } from "../../../src/schema/Ids.ts"
import { Priority, terminalPhases } from "../../../src/schema/Task.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"
import { LaneWorld, taskSpec } from "./LaneWorld.ts"

const fleet = [
  instanceStatus("i1", { maxConcurrentTasks: 2 }),
  instanceStatus("i2", { maxConcurrentTasks: 2, capabilities: ["coding"] })
]

const priorities = Priority.literals

const outcomes: ReadonlyArray<AttemptOutcome> = [
  { _tag: "completed", result: { text: "done", durationMillis: 5 } },
  { _tag: "completed", result: { text: "done", durationMillis: 5 } },
  { _tag: "failed", error: { code: "Busy", message: "try again", retryable: true } },
  { _tag: "failed", error: { code: "Bad", message: "never", retryable: false } },
  { _tag: "aborted" }
]

const at = <A>(items: ReadonlyArray<A>, index: number): A | undefined => items[index % Math.max(1, items.length)]

const someTask = (world: LaneWorld, pick: number): string => at([...world.rows.keys()], pick) ?? "none"

/** Some twenty of them fill a window. */
const longMessage = "x".repeat(190_000)

const newTask = (world: LaneWorld, index: number, pick: number) => {
  const isNew = pick % 3 !== 0
  return taskSpec(isNew ? `n${world.events.length}-${index}` : `t${pick % 40}`, {
    priority: priorities[pick % 4]!,
    idIsNew: isNew,
    timeoutMillis: 1_000 + (pick % 9_000),
    payload: { message: world.isHeavy ? longMessage : "do it" },
    hints: pick % 5 === 0 ? { requiredCapabilities: [pick % 35 === 0 ? "unknown" : "coding"] } : {},
    retry: { maxAttempts: 1 + (pick % 3), backoffMillis: 50, maxBackoffMillis: 400 },
    ...(pick % 2 === 0 ? { receiver: { entityType: "WorkflowRun", entityId: `acme/run-${pick % 3}` } } : {}),
    ...(pick % 7 === 0 ? { deadlineAt: world.now + (pick % 3_000) } : {}),
    ...(pick % 6 === 0 ? { notBefore: world.now + (pick % 900) } : {})
  })
}

const step = (world: LaneWorld, code: number): void => {
  const pick = code >>> 5
  switch (code % 24) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const tasks = Array.from({ length: 1 + (pick % 12) }, (_, index) => newTask(world, index, pick + index * 7))
      world.submit(tasks[0]!, ...tasks.slice(1))
      return
    }
    case 4:
    case 5:
    case 6:
    case 7:
    case 8: {
      const activity = at(world.wanted, pick)
      if (activity !== undefined) world.read(activity)
      return
    }
    case 9:
    case 10:
    case 11:
      return world.arrive(pick)
    case 12:
    case 13:
    case 14: {
      const runKey = at([...world.attempts.keys()], pick)
      if (runKey !== undefined) world.end(runKey, outcomes[pick % outcomes.length]!)
      return
    }
    case 15: {
      const runKey = at([...world.attempts.keys()], pick)
      if (runKey !== undefined) world.refuse(runKey, pick % 300, pick % 4 === 0)
      return
    }
    case 16:
      return world.endAgain(pick)
    case 17:
      if (pick % 3 > 0) world.cancel(someTask(world, pick))
      else world.cancelTasks(...[0, 1, 2].map((index) => someTask(world, pick + index)))
      return
    case 18:
      world.cancelWhere([at(["pending", "scheduled", "running"] as const, pick)!], pick % 4)
      return
    case 19:
      world.replay(...(pick % 2 === 0 ? [] : [someTask(world, pick)]))
      return
    case 20:
      world.configure({
        paused: pick % 5 === 0,
        concurrency: 1 + (pick % 5),
        capacity: pick % 3 === 0 ? 10 : 1_000,
        backpressure: at(
          [{ _tag: "Block" }, { _tag: "Drop" }, { _tag: "Redirect", lane: LaneName.make("other") }] as const,
          pick
        )!
      })
      return
    case 21:
      return world.settle()
    default:
      return world.advance(pick % 4 === 0 ? 40_000 : pick % 700)
  }
}

const codes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffff }))), {
  minLength: 30,
  maxLength: 300
})
const arbitrary = { arbitrary: { runs: 150, size: 200 } }

const seeds = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })))

const drawsFrom = (seed: number) => {
  let draw = seed
  return () => (draw = (Math.imul(draw, 1_103_515_245) + 12_345) >>> 0) >>> 8
}

/** A completion is applied once, and every ending is the only one since the task was submitted or replayed. */
const checkEndings = (world: LaneWorld): void => {
  const ended = new Set<TaskId>()
  for (const event of world.events) {
    if (event._tag === "task.replayed") ended.delete(event.taskId)
    if (!["task.completed", "task.failed", "task.cancelled", "task.dead_lettered"].includes(event._tag)) continue
    const { taskId } = event as { taskId: TaskId }
    assert.isFalse(ended.has(taskId), `${taskId} ended twice`)
    ended.add(taskId)
  }
}

const endings: Readonly<Record<string, string>> = {
  "task.completed": "completed",
  "task.failed": "failed",
  "task.cancelled": "cancelled",
  "task.dead_lettered": "dead_lettered",
  "task.dropped": "dropped"
}

/** The receiver of a task is told each of its ends once, in order; nobody is told of a task without a receiver. */
const checkReceivers = (world: LaneWorld): void => {
  const hasReceiver = new Map([...world.rows].map(([taskId, { spec }]) => [taskId, spec.receiver !== undefined]))
  const ends = world.events.flatMap((event) => {
    const outcome = endings[event._tag]
    if (outcome === undefined) return []
    const { receiver, taskId } = event as { readonly taskId: TaskId; readonly receiver?: unknown }
    return (outcome === "dropped" ? receiver !== undefined : hasReceiver.get(taskId)) ? [`${taskId} ${outcome}`] : []
  })
  const told = world.told.filter(({ outcome }) => outcome !== "refused")
  assert.deepStrictEqual(
    told.map(({ outcome, taskId }) => `${taskId} ${outcome}`),
    ends
  )
}

describe("a lane, whatever happens", () => {
  it.prop(
    "keeps its counters, timers, bounds and rows true, and ends every task it accepted",
    [codes],
    ([steps]) => {
      const world = new LaneWorld(fleet, 5)
      world.isHeavy = steps[0]! % 4 === 0
      for (const code of steps) {
        step(world, code)
        world.check()
      }
      world.checkFold()
      world.finish()
      checkEndings(world)
      checkReceivers(world)
      for (const { phase } of world.rows.values()) assert.isTrue(terminalPhases.has(phase))
    },
    arbitrary
  )

  it.prop(
    "starts tasks in the order of their rank, also from far behind the window",
    [seeds],
    ([seed]) => {
      const world = new LaneWorld([instanceStatus("i1", { maxConcurrentTasks: 100 })])
      world.configure({ concurrency: 3 })
      const next = drawsFrom(seed)
      for (let call = 0; call < 16; call++) {
        const tasks = Array.from({ length: 40 }, (_, index) =>
          taskSpec(`c${call}-${index}`, { priority: priorities[next() % 4]!, idIsNew: next() % 4 > 0 })
        )
        world.submit(tasks[0]!, ...tasks.slice(1))
        world.advance(next() % 20_000)
      }
      let started = world.events.length
      while (world.rows.size > world.state.completed) {
        world.settle()
        const waiting = [...world.rows.values()].filter(({ phase }) => phase === "pending")
        for (const event of world.events.slice(started)) {
          if (event._tag !== "task.started") continue
          const { rank, task_id: taskId } = world.rows.get(event.taskId)!
          for (const row of waiting) {
            const order = comparePlaces({ order: rank, taskId }, { order: row.rank, taskId: row.task_id })
            assert.isBelow(order, 0, `${taskId} started before ${row.task_id}`)
          }
        }
        started = world.events.length
        for (const runKey of [...world.attempts.keys()]) world.end(runKey, outcomes[0]!)
      }
      assert.strictEqual(world.state.completed, 640)
    },
    { arbitrary: { runs: 3 } }
  )

  it.prop(
    "keeps hold of every task that it starts, however far back it looks past tasks that are stuck",
    [seeds],
    ([seed]) => {
      const world = new LaneWorld([])
      const next = drawsFrom(seed)
      const fleetOf = (gpu: number) => [
        instanceStatus("any", { maxConcurrentTasks: 2_000 }),
        instanceStatus("gpu", { capabilities: ["gpu"], maxConcurrentTasks: gpu })
      ]
      const endAll = () => {
        for (const runKey of [...world.attempts.keys()]) world.end(runKey, outcomes[0]!)
      }
      world.configure({ concurrency: 2_000 })
      for (let turn = 0; turn < 6; turn++) {
        const tasks = Array.from({ length: 200 }, (_, index) => {
          const hints = next() % 4 > 0 ? { requiredCapabilities: ["gpu"] } : {}
          return taskSpec(`c${turn}-${index}`, { priority: priorities[next() % 4]!, idIsNew: next() % 2 > 0, hints })
        })
        world.submit(tasks[0]!, ...tasks.slice(1))
        for (const gpu of [0, next() % 400]) {
          world.fleet = fleetOf(gpu)
          world.settle()
          world.check()
        }
        if (next() % 2 === 0) endAll()
      }
      world.fleet = fleetOf(1_000)
      for (let turn = 0; turn < 50 && world.rows.size > world.state.completed; turn++) {
        world.tell({ _tag: "Rewind" })
        world.settle()
        world.check()
        endAll()
      }
      assert.strictEqual(world.state.completed, 1_200)
    },
    { arbitrary: { runs: 5 } }
  )

  const arrivals = Schema.Struct({
    priority: Priority,
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
  })
  const ageing = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

  it.prop(
    "lets nothing overtake a task that arrives three ageing steps after it",
    [arrivals, arrivals, ageing],
    ([a, b, step]) => {
      if (b.at - a.at <= 3 * step) return
      assert.isBelow(rankOf(a.priority, a.at, step), rankOf(b.priority, b.at, step))
    }
  )

  it.prop(
    "puts the higher priority first unless the other has waited longer by a step each",
    [arrivals, arrivals, ageing],
    ([a, b, step]) => {
      const steps = priorities.indexOf(b.priority) - priorities.indexOf(a.priority)
      const overtakes = rankOf(b.priority, b.at, step) < rankOf(a.priority, a.at, step)
      assert.strictEqual(overtakes, b.at - a.at < steps * step)
    }
  )

  it.prop("is plain arrival order without ageing", [arrivals, arrivals], ([a, b]) => {
    assert.strictEqual(Math.sign(rankOf(a.priority, a.at, 0) - rankOf(b.priority, b.at, 0)), Math.sign(a.at - b.at))
  })
})
