import { assert, describe, it } from "@effect/vitest"
import { HashMap, Schema } from "effect"
import { RunningTask } from "../../../../src/entities/Lane/LaneState.ts"
import type { AttemptOutcome } from "../../../../src/schema/runs/Attempt.ts"
import { InstanceId } from "../../../../src/schema/Ids.ts"
import { triedMost } from "../../../../src/schema/runs/Tried.ts"
import type { TaskSpec } from "../../../../src/schema/Task.ts"
import { instanceStatus } from "../../../fixtures/Fleet.ts"
import { LaneWorld, taskSpec } from "../LaneWorld.ts"

const failed: AttemptOutcome = { _tag: "failed", error: { code: "Fake", message: "no", retryable: true } }
const done: AttemptOutcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } }
const retry = { maxAttempts: 20, backoffMillis: 100, maxBackoffMillis: 1_000 }

const fleetOf = (...ids: ReadonlyArray<string>) => ids.map((id) => instanceStatus(id))
const names = (count: number) => Array.from({ length: count }, (_, index) => `i${index}`)

const worldOf = (ids: ReadonlyArray<string>, ...tasks: ReadonlyArray<TaskSpec>) => {
  const world = new LaneWorld(fleetOf(...ids))
  world.configure({ concurrency: 1_000 })
  world.submit(tasks[0]!, ...tasks.slice(1))
  world.settle()
  return world
}

const instanceOf = (world: LaneWorld, runKey: string) => world.attempts.get(runKey)?.instanceId

/** Fails the attempt, and waits until the next one runs. */
const failAndRetry = (world: LaneWorld, runKey: string) => {
  world.end(runKey, failed)
  world.advance(1_000)
  world.settle()
  world.check()
}

const starts = (world: LaneWorld) =>
  world.events.flatMap((event) =>
    event._tag === "task.started" ? [[event.taskId, event.attempt, event.instanceId, event.because] as const] : []
  )

describe("A task whose attempt failed", () => {
  it("is tried elsewhere by 1,000 of 1,000, though the instance that fails at once is the least loaded of 50", () => {
    const world = worldOf(names(50), taskSpec("first"))
    world.fleet = fleetOf(...names(50)).map((status) => ({ ...status, maxConcurrentTasks: 100 }))
    const tasks = Array.from({ length: 999 }, (_, index) => taskSpec(`t${index}`))
    world.submit(tasks[0]!, ...tasks.slice(1))
    world.settle()
    while (world.attempts.size > 0) {
      for (const [runKey, { instanceId }] of [...world.attempts]) world.end(runKey, instanceId === "i7" ? failed : done)
      world.advance(1_000)
      world.settle()
    }
    const onIll = starts(world).filter(([, , instanceId]) => instanceId === "i7")
    assert.isAbove(onIll.length, 0)
    assert.deepStrictEqual(new Set(onIll.map(([, attempt]) => attempt)), new Set([1]))
    assert.strictEqual(world.state.completed, 1_000)
    assert.isAtMost(Math.max(...starts(world).map(([, attempt]) => attempt)), 2)
  })

  it("says where it failed, and goes through all instances before it comes back to the first", () => {
    const world = worldOf(["a", "b", "c"], taskSpec("t", { retry }))
    const order = [1, 2, 3, 4, 5].map((attempt) => {
      const instanceId = instanceOf(world, `t.${attempt}`)!
      failAndRetry(world, `t.${attempt}`)
      return instanceId
    })
    assert.strictEqual(new Set(order.slice(0, 3)).size, 3)
    assert.deepStrictEqual(order.slice(3), order.slice(0, 2))
    const because = starts(world).map(([, , , words]) => words)
    assert.notInclude(because[0]!, "earlier")
    assert.include(because[1]!, `put last: ${order[0]}, where earlier attempts failed`)
    assert.include(because[3]!, "earlier attempts failed there")
  })

  it("remembers no more than its bound", () => {
    const world = worldOf(names(12), taskSpec("t", { retry }))
    for (let attempt = 1; attempt <= 12; attempt++) failAndRetry(world, `t.${attempt}`)
    const [running] = [...HashMap.values(world.state.running)]
    assert.strictEqual(running!.tried!.instances.length, triedMost)
    world.checkFold()
  })

  it("goes where it must, when it may go nowhere else", () => {
    const world = worldOf(["a", "b"], taskSpec("t", { hints: { instanceId: InstanceId.make("a") } }))
    failAndRetry(world, "t.1")
    assert.strictEqual(instanceOf(world, "t.2"), "a")
  })

  it("still knows where when its lane has dropped it from memory and read its row again", () => {
    const world = worldOf(["a", "b"], taskSpec("t", { priority: "low" }))
    const first = instanceOf(world, "t.1")!
    world.end("t.1", failed)
    world.fleet = []
    const others = Array.from({ length: 600 }, (_, index) => taskSpec(`o${index}`, { priority: "critical" }))
    world.submit(others[0]!, ...others.slice(1))
    world.advance(1_000)
    world.settle()
    assert.isFalse(
      world.state.pending.entries.some(({ task }) => task.taskId === "t"),
      "it is behind the window"
    )
    world.cancelTasks(...others.map(({ taskId }) => taskId))
    world.settle()
    world.check()
    world.fleet = fleetOf("a", "b")
    world.settle()
    assert.isDefined(instanceOf(world, "t.2"))
    assert.notStrictEqual(instanceOf(world, "t.2"), first)
  })

  it("is tried elsewhere also when it is replayed as a dead letter", () => {
    const once = { maxAttempts: 1, backoffMillis: 100, maxBackoffMillis: 100 }
    const world = worldOf(["a", "b"], taskSpec("t", { retry: once }))
    const first = instanceOf(world, "t.1")!
    world.end("t.1", failed)
    assert.strictEqual(world.rows.get("t")!.phase, "dead_lettered")
    world.replay("t")
    world.settle()
    assert.notStrictEqual(instanceOf(world, "t.2"), first)
  })
})

describe("A task whose attempt was refused", () => {
  it("goes elsewhere when that was the instance's own fault, and may come back when it was only full", () => {
    const refusedBy = (atFault: boolean) => {
      const world = worldOf(["a", "b"], taskSpec("t"))
      const first = instanceOf(world, "t.1")!
      world.refuse("t.1", 5, atFault)
      world.fleet = fleetOf(first)
      world.advance(10)
      world.settle()
      world.check()
      assert.strictEqual(instanceOf(world, "t.1"), first, "nothing else is eligible")
      world.end("t.1", done)
      return starts(world).at(-1)![3]
    }
    assert.include(refusedBy(true), "earlier attempts failed there")
    assert.notInclude(refusedBy(false), "earlier attempts")
  })
})

describe("A task of policy Fallback", () => {
  const fallback = (ids: ReadonlyArray<string>) => worldOf(ids, taskSpec("t", { retry, hints: { policy: "Fallback" } }))
  const backupOf = (world: LaneWorld) => {
    const started = world.events.findLast(({ _tag }) => _tag === "task.started") as { readonly backup?: string }
    return started.backup
  }

  it("goes to the backup that its start named, however loaded, and names another one there", () => {
    const world = fallback(names(5))
    const [primary, backup] = [instanceOf(world, "t.1")!, backupOf(world)!]
    assert.notStrictEqual(primary, backup)
    const load = { runningTasks: 7, activeSessions: 0, queuedTasks: 0 }
    world.fleet = fleetOf(...names(5)).map((status) => (status.instanceId === backup ? { ...status, load } : status))
    failAndRetry(world, "t.1")
    assert.strictEqual(instanceOf(world, "t.2"), backup)
    assert.include(starts(world).at(-1)![3], "its named backup")
    const next = backupOf(world)!
    assert.notInclude([primary, backup], next)
    failAndRetry(world, "t.2")
    assert.strictEqual(instanceOf(world, "t.3"), next)
  })

  it("goes elsewhere when its backup is not eligible any more", () => {
    const world = fallback(["a", "b", "c"])
    const [primary, backup] = [instanceOf(world, "t.1")!, backupOf(world)!]
    world.fleet = fleetOf("a", "b", "c").map((status) =>
      status.instanceId === backup ? { ...status, health: "unknown" as const } : status
    )
    failAndRetry(world, "t.1")
    assert.notInclude([primary, backup], instanceOf(world, "t.2"))
  })
})

describe("A lane of an earlier version", () => {
  it("has tasks that say nothing of where they were tried, and they are loaded", () => {
    const world = worldOf(["a"], taskSpec("t"))
    const codec = Schema.toCodecJson(RunningTask) as unknown as Schema.Codec<RunningTask, unknown>
    const [running] = [...HashMap.values(world.state.running)]
    const stored = Schema.encodeSync(codec)(running!) as Record<string, unknown>
    assert.notProperty(stored, "tried")
    assert.notProperty(stored, "backup")
    assert.deepStrictEqual(Schema.decodeUnknownSync(codec)(stored), running)
  })

  it("drops what it does not know, rather than fail on it", () => {
    const { backup: _, tried: __, ...fields } = RunningTask.fields
    const codec = Schema.toCodecJson(Schema.Struct(fields)) as unknown as Schema.Codec<unknown, unknown>
    const world = worldOf(["a", "b"], taskSpec("t", { hints: { policy: "Fallback" } }))
    failAndRetry(world, "t.1")
    const [running] = [...HashMap.values(world.state.running)]
    const stored = Schema.encodeSync(Schema.toCodecJson(RunningTask) as unknown as Schema.Codec<RunningTask, unknown>)(
      running!
    )
    assert.property(stored, "tried")
    assert.notProperty(Schema.decodeUnknownSync(codec)(stored), "tried")
  })
})
