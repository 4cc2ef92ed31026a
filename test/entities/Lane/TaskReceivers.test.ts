import { assert, describe, it } from "@effect/vitest"
import { LaneActor } from "../../../src/entities/Lane/LaneActor.ts"
import type { TaskEnd } from "../../../src/rpc/TaskEnded.ts"
import { LaneName, TaskId } from "../../../src/schema/Ids.ts"
import type { TaskSpec } from "../../../src/schema/Task.ts"
import { ActorTest } from "../../../src/testing/ActorTest.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"
import { LaneWorld, taskSpec } from "./LaneWorld.ts"

const receiver = { entityType: "WorkflowRun", entityId: "acme/run-1" }

const own = (id: string, overrides: Partial<TaskSpec> = {}) => taskSpec(id, { receiver, ...overrides })

const world = () => new LaneWorld([instanceStatus("i1", { maxConcurrentTasks: 100 })])

const outcomes = (lane: LaneWorld) => lane.told.map(({ outcome, taskId }) => `${taskId} ${outcome}`)

const failure = (retryable: boolean) => ({
  _tag: "failed" as const,
  error: { code: "Fake", message: "no", retryable }
})

describe("the receiver of a task", () => {
  it("is told its completion with the result and the number of the attempt", () => {
    const lane = world()
    lane.submit(own("a"), taskSpec("of-nobody"))
    lane.settle()
    const result = { text: "done", durationMillis: 1 }
    for (const runKey of ["a.1", "of-nobody.1"]) lane.end(runKey, { _tag: "completed", result })
    const expected: TaskEnd = {
      tenantId: lane.state.tenantId,
      lane: lane.state.lane,
      taskId: TaskId.make("a"),
      outcome: "completed",
      attempt: 1,
      result
    }
    assert.deepStrictEqual(lane.told, [expected])
  })

  it("is told each end of a task that is replayed, and not its failed attempts before", () => {
    const lane = world()
    lane.submit(own("a", { retry: { maxAttempts: 2, backoffMillis: 1, maxBackoffMillis: 1 } }))
    lane.settle()
    lane.end("a.1", failure(true))
    lane.advance(100)
    lane.settle()
    assert.deepStrictEqual(lane.told, [])
    lane.end("a.2", failure(true))
    lane.replay("a")
    lane.settle()
    lane.end("a.3", failure(false))
    assert.deepStrictEqual(
      lane.told.map(({ attempt, outcome }) => ({ attempt, outcome })),
      [
        { attempt: 2, outcome: "dead_lettered" },
        { attempt: 3, outcome: "failed" }
      ]
    )
  })

  it("is told of a cancel, also of a task that waits behind the window, and once", () => {
    const lane = world()
    lane.configure({ paused: true })
    const waiting = Array.from({ length: 600 }, (_, n) => own(`w${n}`))
    lane.submit(waiting[0]!, ...waiting.slice(1))
    lane.settle()
    const ids = ["w0", "w599", "none", "w599"]
    lane.cancelTasks(...ids)
    lane.cancelTasks(...ids)
    lane.settle()
    assert.deepStrictEqual(outcomes(lane).toSorted(), ["w0 cancelled", "w599 cancelled"])
    lane.check()
  })

  it("is told of a deadline that passed, held or behind the window", () => {
    const lane = world()
    lane.configure({ paused: true })
    const waiting = Array.from({ length: 600 }, (_, n) => own(`w${n}`, { deadlineAt: lane.now + 1_000 }))
    lane.submit(waiting[0]!, ...waiting.slice(1))
    lane.settle()
    for (let second = 0; second < 10; second++) {
      lane.advance(1_000)
      lane.settle()
    }
    assert.strictEqual(lane.told.length, 600)
    assert.strictEqual(new Set(outcomes(lane)).size, 600)
    assert.isTrue(lane.told.every(({ error }) => error?.code === "DeadlineExceeded"))
  })

  it("is told that the lane dropped the task, refused it, or could not take it from another lane", () => {
    const lane = world()
    lane.configure({ capacity: 1, backpressure: { _tag: "Drop" }, paused: true })
    lane.submit(own("a"), own("b"))
    lane.configure({ backpressure: { _tag: "Block" } })
    const refused = new ActorTest(LaneActor, "acme/main")
    refused.state = lane.state
    refused.message("Submit", { tasks: [own("c")] })
    lane.submit(own("d", { lane: LaneName.make("other") }))
    assert.deepStrictEqual(outcomes(lane), ["b dropped", "d failed"])
    assert.deepInclude(refused.sent[0]?.payload, { taskId: "c", outcome: "refused", retryAfterMillis: 1_000 })
    assert.deepInclude(refused.sent[0], receiver)
  })

  it("has its cancels refused only when 16,384 tasks are looked up already, and then nothing of the message is done", () => {
    const lane = new ActorTest(LaneActor, "acme/main")
    lane.command("Configure", { config: { ...lane.state.config, paused: true } })
    const ids = (from: number) => Array.from({ length: 1_000 }, (_, n) => TaskId.make(`t${from + n}`))
    const [first, ...others] = ids(0).map((id) => taskSpec(id))
    lane.command("Submit", { tasks: [first!, ...others] })
    for (let n = 1; n <= 16; n++) lane.message("CancelTasks", { taskIds: ids(n * 1_000) })
    const { length } = lane.events
    const answer = lane.command("CancelTasks", { taskIds: ids(17_000) })
    assert.strictEqual(answer._tag, "Failure")
    assert.strictEqual(lane.events.length, length)
    lane.message("CancelTasks", { taskIds: [TaskId.make("t0")] })
    assert.deepInclude(lane.events.at(-1), { _tag: "task.cancelled", taskId: TaskId.make("t0") })
  })
})
