import { assert, describe, it } from "@effect/vitest"
import { HashMap } from "effect"
import { backoffMillis } from "../../../src/entities/Lane/dispatch/Retry.ts"
import { LaneActor } from "../../../src/entities/Lane/LaneActor.ts"
import { initial } from "../../../src/entities/Lane/LaneState.ts"
import { taskTable } from "../../../src/entities/Lane/backlog/TaskRow.ts"
import * as BacklogWindow from "../../../src/entities/Lane/backlog/BacklogWindow.ts"
import type { AttemptOutcome } from "../../../src/schema/runs/Attempt.ts"
import type { SubmitOutcome } from "../../../src/rpc/LaneRpcs.ts"
import {
  gatewaySessionKey,
  InstanceId,
  LaneName,
  Placement,
  SessionId,
  TaskId,
  TenantId
} from "../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import type { TaskSpec } from "../../../src/schema/Task.ts"
import { ActorTest } from "../../../src/testing/ActorTest.ts"
import { idleLoad, instanceStatus } from "../../fixtures/Fleet.ts"
import { entityId, LaneWorld, taskSpec, tenantId } from "./LaneWorld.ts"

const done: AttemptOutcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } }
const failed = (retryable: boolean): AttemptOutcome => ({
  _tag: "failed",
  error: { code: "Fake", message: "no", retryable }
})

const world = (fleet: ReadonlyArray<InstanceStatus> = [instanceStatus("i1", { maxConcurrentTasks: 100 })]) =>
  new LaneWorld(fleet)

const submit = (of: LaneWorld, ids: ReadonlyArray<string>, overrides: Partial<TaskSpec> = {}) => {
  const [first, ...rest] = ids.map((id) => taskSpec(id, overrides))
  return of.submit(first!, ...rest) as ReadonlyArray<SubmitOutcome>
}

const range = (count: number, prefix = "t") => Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const phase = (of: LaneWorld, taskId: string) => of.rows.get(taskId)?.phase
const outcomes = (answers: ReadonlyArray<SubmitOutcome>) => answers.map(({ outcome }) => outcome)

const withDeadLetters = (count: number): LaneWorld => {
  const lane = world([instanceStatus("i1", { maxConcurrentTasks: 2_000 })])
  lane.configure({ concurrency: 2_000 })
  submit(lane, range(count), { retry: { maxAttempts: 1, backoffMillis: 100, maxBackoffMillis: 100 } })
  lane.settle()
  for (const id of range(count)) {
    lane.advance(1)
    lane.end(`${id}.1`, failed(true))
  }
  lane.settle()
  return lane
}

describe("submitting to a lane", () => {
  it("writes a whole row and answers for each task", () => {
    const lane = world()
    const [answer] = submit(lane, ["t1"], { priority: "high", deadlineAt: 2_000_000 })
    assert.deepStrictEqual(answer, {
      taskId: TaskId.make("t1"),
      outcome: "accepted",
      phase: "pending",
      lane: LaneName.make("main"),
      submittedAt: lane.now
    })
    const row = lane.rows.get("t1")!
    assert.sameMembers(Object.keys(row), Object.keys(taskTable.columns))
    assert.deepInclude(row, { phase: "pending", rank: lane.now - 60_000, deadline_at: 2_000_000, attempt: 0 })
  })

  it("takes an id it holds once, also twice in one call", () => {
    const lane = world([])
    assert.deepStrictEqual(outcomes(submit(lane, ["a", "b", "a"], { idIsNew: false })), [
      "accepted",
      "accepted",
      "duplicate"
    ])
    lane.settle()
    assert.deepStrictEqual(outcomes(submit(lane, ["a"], { idIsNew: false })), ["duplicate"])
    assert.strictEqual(BacklogWindow.size(lane.state.pending), 2)
  })

  it("refuses all of a call that does not fit, and names the layer", () => {
    const lane = world([])
    lane.configure({ capacity: 3 })
    submit(lane, ["a", "b"])
    const refusal = lane.submit(taskSpec("c"), taskSpec("d"))
    assert.deepInclude(refusal, { _tag: "Overloaded", layer: "lane main", retryAfterMillis: 1_000 })
    assert.strictEqual(lane.rows.size, 2)
    assert.deepStrictEqual(outcomes(submit(lane, ["a", "c"], { idIsNew: false })), ["duplicate", "accepted"])
  })

  it("drops what does not fit when it is told to", () => {
    const lane = world([])
    lane.configure({ capacity: 2, backpressure: { _tag: "Drop" } })
    assert.deepStrictEqual(outcomes(submit(lane, ["a", "b", "c"])), ["accepted", "accepted", "dropped"])
    assert.isFalse(lane.rows.has("c"))
    assert.deepInclude(lane.events.at(-1), { _tag: "task.dropped", taskId: TaskId.make("c") })
  })

  it("passes on what does not fit, one hop, and the other lane ends what it cannot take", () => {
    const lane = world([])
    const backpressure = { _tag: "Redirect" as const, lane: LaneName.make("other") }
    lane.configure({ capacity: 1, backpressure })
    const answers = submit(lane, ["a", "b", "c"])
    assert.deepStrictEqual(outcomes(answers), ["accepted", "redirected", "redirected"])
    assert.strictEqual(answers[1]?.lane, "other")
    const [message] = lane.redirected
    assert.strictEqual(message?.entityId, "acme/other")
    const { tasks } = message!.payload as { tasks: [TaskSpec, ...Array<TaskSpec>] }

    const other = world([])
    other.state = { ...initial("acme/other"), config: { ...lane.state.config, capacity: 1 } }
    assert.deepStrictEqual(outcomes(other.submit(...tasks) as ReadonlyArray<SubmitOutcome>), ["accepted", "accepted"])
    assert.deepStrictEqual([phase(other, "b"), phase(other, "c")], ["pending", "failed"])
    assert.deepInclude(other.rows.get("c"), { lane: "other" })
    assert.strictEqual(other.rows.get("c")?.error?.code, "LaneFull")
    assert.strictEqual(other.redirected.length, 0)
    other.check()
  })

  it("never refuses what another lane passed on, also when it is full and blocks", () => {
    const other = LaneName.make("other")
    const full = new ActorTest(LaneActor, "acme/other")
    full.command("Configure", { config: { ...full.state.config, capacity: 1, backpressure: { _tag: "Block" } } })
    full.message("Submit", { tasks: [taskSpec("own", { lane: other })] })
    full.message("Submit", { tasks: [taskSpec("passed-on")] })
    assert.deepInclude(full.events.at(-1), { _tag: "task.failed", taskId: TaskId.make("passed-on") })
  })

  it("does not redirect to itself", () => {
    const lane = world([])
    lane.configure({ capacity: 1, backpressure: { _tag: "Redirect", lane: LaneName.make("main") } })
    assert.deepInclude(lane.submit(taskSpec("a"), taskSpec("b")), { _tag: "Overloaded" })
  })

  it("does not run an id again whose row is elsewhere or ended", () => {
    const lane = world()
    submit(lane, ["a"])
    lane.settle()
    lane.end("a.1", done)
    assert.deepStrictEqual(outcomes(submit(lane, ["a"], { idIsNew: false })), ["accepted"])
    lane.settle()
    assert.strictEqual(lane.attempts.size, 0)
    assert.strictEqual(BacklogWindow.size(lane.state.pending), 0)
    assert.strictEqual(phase(lane, "a"), "completed")
  })

  it("keeps a million behind a window of 512", () => {
    const lane = world([])
    for (let call = 0; call < 20; call++) submit(lane, range(1_000, `c${call}-`))
    assert.strictEqual(lane.state.pending.entries.length, 512)
    assert.strictEqual(BacklogWindow.size(lane.state.pending), 20_000)
    // Of this process's own work, since others may have the cores.
    const before = process.cpuUsage()
    for (let call = 0; call < 20; call++) submit(lane, range(1_000, `d${call}-`))
    const { system, user } = process.cpuUsage(before)
    assert.isBelow(user + system, 5_000_000)
  })
})

describe("starting tasks", () => {
  it("sends a complete attempt to the instance that the router chose", () => {
    const lane = world()
    submit(lane, ["T1"], { payload: { message: "hello", model: "m1" } })
    lane.settle()
    const { attempt, instanceId } = lane.attempts.get("T1.1")!
    assert.strictEqual(instanceId, "i1")
    assert.deepInclude(attempt, {
      runKey: "T1.1",
      origin: { entityType: "Lane", entityId },
      sessionKey: "agent:main:acme-_t1",
      message: "hello",
      model: "m1",
      timeoutMillis: 5_000
    })
    assert.deepInclude(lane.rows.get("T1"), { phase: "running", attempt: 1, instance_id: "i1", started_at: lane.now })
  })

  it("sends an attempt in a session to the instance that the session chose, once it has granted a turn", () => {
    const lane = world()
    const sessionId = SessionId.make("s1")
    submit(lane, ["T1"], { sessionId })
    lane.settle()
    assert.strictEqual(lane.attempts.size, 0)
    assert.deepInclude(lane.toSessions[0], { tag: "TurnAsked" })
    lane.apply(
      LaneActor.commands.TurnGranted(
        lane.state,
        {
          sessionId,
          ask: 1,
          instanceId: InstanceId.make("i2"),
          placement: Placement.make("default"),
          because: "home",
          deadlineAt: lane.now + 600_000
        },
        lane.context()
      )
    )
    const { attempt, instanceId } = lane.attempts.get("T1.1")!
    assert.strictEqual(instanceId, "i2")
    assert.deepInclude(attempt, { sessionId, sessionKey: "agent:main:acme-s1" })
    lane.end("T1.1", done)
    assert.deepInclude(lane.toSessions.at(-1)?.payload, { ask: 1, use: { _tag: "ran" } })
  })

  it("runs at most as many as its concurrency and as each instance takes", () => {
    const lane = world([
      instanceStatus("i1", { maxConcurrentTasks: 2 }),
      instanceStatus("i2", { maxConcurrentTasks: 2 })
    ])
    submit(lane, range(9))
    lane.settle()
    assert.strictEqual(lane.attempts.size, 4)
    assert.include(lane.explain("t5").waitingFor, "2 instances: 2 at capacity")
    lane.configure({ concurrency: 3 })
    lane.end([...lane.attempts.keys()][0]!, done)
    lane.settle()
    assert.strictEqual(lane.attempts.size, 3)
    lane.end([...lane.attempts.keys()][0]!, done)
    lane.settle()
    assert.strictEqual(lane.attempts.size, 3)
  })

  it("leaves room for what others run there, and does not count its own twice", () => {
    const status = (runningTasks: number) => [instanceStatus("i1", { load: { ...idleLoad, runningTasks } })]
    const lane = world(status(3))
    submit(lane, range(10))
    lane.settle()
    assert.strictEqual(lane.attempts.size, 5)
    lane.fleet = status(8)
    for (const runKey of [...lane.attempts.keys()].slice(0, 2)) lane.end(runKey, done)
    lane.settle()
    assert.strictEqual(lane.attempts.size, 5, "the view shows 8 of which 5 were ours")
  })

  it("puts a refused task back in its place, unspent, and leaves the instance alone for a while", () => {
    const lane = world()
    submit(lane, ["a", "b"])
    lane.settle()
    lane.refuse("a.1", 500)
    lane.settle()
    assert.deepInclude(lane.rows.get("a"), { phase: "pending", attempt: 0, because: "full" })
    assert.strictEqual(lane.attempts.size, 1)
    lane.advance(501)
    lane.settle()
    assert.isTrue(lane.attempts.has("a.1"))
  })

  it("keeps its rate", () => {
    const lane = world()
    lane.configure({ ratePerSecond: 10 })
    submit(lane, range(40))
    lane.settle()
    assert.strictEqual(lane.attempts.size, 10)
    assert.include(lane.explain("t39").waitingFor, "the rate of lane main: 10 starts a second")
    lane.advance(500)
    lane.settle()
    assert.strictEqual(lane.attempts.size, 15)
    lane.advance(10_000)
    lane.settle()
    assert.strictEqual(lane.attempts.size, 25)
  })

  it("starts nothing while paused", () => {
    const lane = world()
    lane.configure({ paused: true })
    submit(lane, ["a"])
    lane.settle()
    assert.strictEqual(lane.attempts.size, 0)
    assert.include(lane.explain("a").waitingFor, "it is paused")
    lane.configure({ paused: false })
    lane.settle()
    assert.strictEqual(lane.attempts.size, 1)
  })

  it("explains a task whose stored time no date can hold", () => {
    const lane = world()
    submit(lane, ["a"], { notBefore: 9e15 })
    lane.settle()
    assert.strictEqual(lane.explain("a").waitingFor, "its time, 9000000000000000 ms")
  })

  it("waits for a scheduled time, and not longer", () => {
    const lane = world()
    submit(lane, ["a"], { notBefore: lane.now + 1_000 })
    assert.strictEqual(phase(lane, "a"), "scheduled")
    lane.advance(999)
    lane.settle()
    assert.strictEqual(phase(lane, "a"), "scheduled")
    assert.include(lane.explain("a").waitingFor, "its time")
    lane.advance(1)
    lane.settle()
    assert.strictEqual(phase(lane, "a"), "running")
  })

  it("explains a task behind a window by what waits there", () => {
    const lane = world([])
    submit(lane, range(300), { notBefore: lane.now + 1_000 })
    const last = "t99"
    assert.isFalse(lane.state.scheduled.entries.some(({ task }) => task.taskId === last))
    const { length } = lane.state.scheduled.entries
    const later = `its time: 300 tasks are scheduled in lane main, it is not among the first ${length}`
    assert.strictEqual(lane.explain(last).waitingFor, later)
    submit(lane, range(600, "p"))
    assert.strictEqual(
      lane.explain("p99").waitingFor,
      `those in front of it: 600 tasks wait in lane main, it is not among the first 512; or ${later}`
    )
  })

  it("gets through to tasks far behind many that no instance can take", () => {
    const lane = world()
    submit(lane, range(900, "stuck"), { hints: { requiredCapabilities: ["none"] } })
    submit(lane, ["free"])
    lane.settle()
    assert.strictEqual(phase(lane, "free"), "running")
    assert.include(lane.explain("stuck0").waitingFor, "1 instance: 1 without the capabilities")
    lane.fleet = [instanceStatus("i2", { capabilities: ["none"], maxConcurrentTasks: 2_000 })]
    lane.configure({ concurrency: 2_000 })
    lane.settle()
    lane.check()
    assert.isAtLeast(lane.attempts.size, 256)
    lane.tell({ _tag: "Rewind" })
    lane.settle()
    assert.strictEqual(lane.attempts.size, 901)
  })

  it("gets through to tasks behind a few that no instance can take and that fill the window with their text", () => {
    const lane = world()
    const heavy = { payload: { message: "x".repeat(200_000) }, hints: { requiredCapabilities: ["none"] } }
    submit(lane, range(25, "stuck"), heavy)
    lane.advance(1)
    submit(lane, range(30, "free"))
    lane.settle()
    lane.check()
    assert.isTrue(range(30, "free").every((id) => phase(lane, id) === "running"))
  })

  it("comes to rest, and starts what can run, when all that is left behind its gap has started", () => {
    const lane = world()
    submit(lane, range(512, "stuck"), { hints: { requiredCapabilities: ["none"] } })
    lane.advance(1)
    submit(lane, range(300, "free"))
    lane.settle()
    submit(lane, ["urgent"], { hints: { requiredCapabilities: ["none"] }, priority: "critical" })
    for (let turn = 0; turn < 10; turn++) {
      for (const runKey of [...lane.attempts.keys()]) lane.end(runKey, done)
      lane.settle()
      lane.check()
    }
    assert.strictEqual(lane.state.completed, 300)
  })

  it("does not look further back while no instance could take a task that asks for nothing", () => {
    const lane = world([])
    submit(lane, range(900))
    lane.settle()
    assert.isNull(lane.state.pending.gap)
    lane.fleet = [instanceStatus("i1", { maxConcurrentTasks: 0 })]
    lane.settle()
    assert.isNull(lane.state.pending.gap)
    lane.fleet = [instanceStatus("i1", { maxConcurrentTasks: 5 })]
    lane.settle()
    assert.strictEqual(phase(lane, "t0"), "running")
  })
})

describe("the end of an attempt", () => {
  it("is applied once, whatever comes later or again", () => {
    const lane = world()
    submit(lane, ["a"])
    lane.settle()
    lane.end("a.1", failed(true))
    lane.endAgain(0)
    lane.advance(200)
    lane.settle()
    lane.endAgain(0)
    assert.strictEqual(phase(lane, "a"), "running")
    lane.end("a.2", done)
    lane.endAgain(0)
    assert.deepInclude(lane.rows.get("a"), { phase: "completed", attempt: 2, error: null })
    assert.strictEqual(lane.state.completed, 1)
  })

  it("is a failure at once when it cannot be tried again", () => {
    const lane = world()
    submit(lane, ["a"])
    lane.settle()
    lane.end("a.1", failed(false))
    assert.deepInclude(lane.rows.get("a"), { phase: "failed", attempt: 1 })
  })

  it("leads to the dead letters when the budget is spent, and from there back with a fresh one", () => {
    const lane = world()
    submit(lane, ["a"])
    for (const runKey of ["a.1", "a.2", "a.3"]) {
      lane.settle()
      lane.end(runKey, failed(true))
      lane.advance(1_000)
    }
    assert.strictEqual(phase(lane, "a"), "dead_lettered")
    assert.deepInclude(lane.replay("none"), { _tag: "NotFound" })
    assert.deepStrictEqual(lane.replay("a", "none"), { replayed: [TaskId.make("a")] })
    lane.settle()
    assert.deepInclude(lane.rows.get("a"), {
      phase: "running",
      attempt: 4,
      max_attempts: 6,
      error: null,
      ended_at: null
    })
    lane.end("a.4", done)
    assert.strictEqual(phase(lane, "a"), "completed")
  })

  it("is followed by a wait for the failed tries since the replay, among which no lost instance counts", () => {
    const lane = world()
    submit(lane, ["a"])
    const failAndWait = (runKey: string, most: number) => {
      lane.settle()
      lane.end(runKey, failed(true))
      const wait = lane.rows.get("a")!.not_before! - lane.now
      assert.isTrue(wait >= most / 2 && wait <= most, `${runKey} waits ${wait} ms of ${most}`)
      lane.advance(1_000)
    }
    failAndWait("a.1", 100)
    failAndWait("a.2", 200)
    lane.settle()
    lane.end("a.3", failed(true))
    lane.replay("a")
    failAndWait("a.4", 100)
    lane.settle()
    const { instanceId } = lane.attempts.get("a.5")!
    lane.tell({
      _tag: "GiveUp",
      attempts: [{ taskId: TaskId.make("a"), attempt: 5, instanceId, reason: "its machine is gone" }]
    })
    failAndWait("a.6", 200)
  })

  it("is replayed once when it lies behind the dead letters held and is asked for twice, and another stays replayable", () => {
    const lane = withDeadLetters(1_002)
    assert.deepStrictEqual(lane.replay("t1000"), { replayed: [TaskId.make("t1000")] })
    assert.deepStrictEqual(lane.replay("t1000"), { replayed: [TaskId.make("t1000")] })
    lane.settle()
    lane.check()
    assert.strictEqual(phase(lane, "t1000"), "running")
    assert.deepStrictEqual(lane.replay("t1001"), { replayed: [TaskId.make("t1001")] })
    lane.settle()
    assert.strictEqual(phase(lane, "t1001"), "running")
  })

  it("is cancelled when that is asked while its replay is looked up", () => {
    const lane = withDeadLetters(1_002)
    submit(lane, range(900, "stuck"), { hints: { requiredCapabilities: ["none"] } })
    lane.settle()
    lane.replay("t1000")
    assert.deepInclude(lane.cancel("t1000"), { phase: "pending" })
    lane.configure({ paused: true })
    lane.settle()
    assert.strictEqual(phase(lane, "t1000"), "cancelled")
    lane.check()
  })

  it("is taken for lost when nothing is heard, and aborted", () => {
    const lane = world()
    submit(lane, ["a"])
    lane.settle()
    lane.advance(5_000 + 29_999)
    assert.strictEqual(phase(lane, "a"), "running")
    lane.advance(1)
    assert.strictEqual(phase(lane, "a"), "retrying")
    assert.strictEqual(lane.rows.get("a")?.error?.code, "AttemptLost")
    assert.deepStrictEqual(lane.aborts, ["a.1"])
    lane.end("a.1", done)
    assert.strictEqual(phase(lane, "a"), "retrying")
  })

  it("comes too late after the deadline of a task that has not started", () => {
    const lane = world([])
    submit(lane, ["a", "b"], { deadlineAt: lane.now + 500 })
    submit(lane, ["c"], { deadlineAt: lane.now + 500, notBefore: lane.now + 600 })
    lane.advance(499)
    assert.strictEqual(phase(lane, "a"), "pending")
    lane.advance(1)
    assert.deepStrictEqual(
      ["a", "b", "c"].map((id) => lane.rows.get(id)?.error?.code),
      Array(3).fill("DeadlineExceeded")
    )
    assert.strictEqual(lane.state.deadline, null)
  })

  it("fails tasks behind the window at their deadline too", () => {
    const lane = world([])
    submit(lane, range(600))
    submit(lane, ["zlate"], { deadlineAt: lane.now + 500 })
    assert.isFalse(lane.state.pending.entries.some(({ task }) => task.taskId === "zlate"))
    lane.advance(500)
    lane.settle()
    assert.strictEqual(phase(lane, "zlate"), "failed")
    lane.check()
  })
})

describe("cancelling", () => {
  it("ends a waiting task at once and asks the instance of a running one", () => {
    const lane = world()
    lane.configure({ concurrency: 1 })
    submit(lane, ["a", "b"])
    lane.settle()
    assert.deepStrictEqual(lane.cancel("b"), { taskId: TaskId.make("b"), phase: "cancelled" })
    assert.deepStrictEqual(lane.cancel("a"), { taskId: TaskId.make("a"), phase: "running" })
    assert.deepStrictEqual(lane.aborts, ["a.1"])
    lane.cancel("a")
    assert.strictEqual(lane.aborts.length, 1)
    lane.end("a.1", { _tag: "aborted" })
    assert.deepStrictEqual([phase(lane, "a"), phase(lane, "b")], ["cancelled", "cancelled"])
    assert.deepInclude(lane.cancel("a"), { _tag: "NotFound" })
  })

  it("does not undo a completion that was first", () => {
    const lane = world()
    submit(lane, ["a"])
    lane.settle()
    lane.cancel("a")
    lane.end("a.1", done)
    assert.strictEqual(phase(lane, "a"), "completed")
  })

  it("does not wait for ever for an instance", () => {
    const lane = world()
    submit(lane, ["a"])
    lane.settle()
    lane.cancel("a")
    lane.advance(30_000)
    assert.strictEqual(phase(lane, "a"), "cancelled")
    assert.strictEqual(HashMap.size(lane.state.running), 0)
  })

  it("does not cancel a task that ran while its row was being read", () => {
    const lane = world()
    lane.configure({ paused: true })
    submit(lane, range(513))
    assert.strictEqual((lane.cancel("t9") as { phase: string }).phase, "cancelled")
    const last = "t99"
    assert.isFalse(lane.state.pending.entries.some(({ task }) => task.taskId === last))
    assert.deepStrictEqual(lane.cancel(last), { taskId: TaskId.make(last), phase: "pending" })
    lane.read(lane.wanted.find(({ _tag }) => _tag === "LookUp")!)
    const [stale] = lane.reports.splice(0)
    lane.state = { ...lane.state, lookups: [] }
    lane.configure({ paused: false, concurrency: 1_000 })
    lane.fleet = [instanceStatus("i1", { maxConcurrentTasks: 1_000 })]
    lane.settle()
    lane.end(`${last}.1`, done)
    lane.state = { ...lane.state, lookups: [{ taskId: TaskId.make(last), want: "cancel" }] }
    lane.tell(stale!.signal)
    assert.strictEqual(phase(lane, last), "completed")
    lane.settle()
    assert.strictEqual(phase(lane, last), "completed")
    assert.strictEqual(lane.state.lookups.length, 0)
  })

  it("counts right what it cancels on both sides of a gap", () => {
    const lane = world()
    submit(lane, range(900), { hints: { requiredCapabilities: ["none"] } })
    lane.settle()
    assert.isNotNull(lane.state.pending.gap)
    lane.cancelWhere(["pending"], 1_000)
    lane.check()
    lane.settle()
    lane.check()
  })

  it("counts right what misses its deadline on both sides of a gap", () => {
    const lane = world()
    const [first, ...rest] = range(900).map((id, index) =>
      taskSpec(id, {
        hints: { requiredCapabilities: ["none"] },
        ...(index % 16 === 0 ? {} : { deadlineAt: lane.now + 1_000 })
      })
    )
    lane.submit(first!, ...rest)
    lane.settle()
    assert.isNotNull(lane.state.pending.gap)
    for (let turn = 0; turn < 8; turn++) {
      lane.advance(1_000)
      lane.check()
      lane.settle()
    }
    assert.strictEqual(lane.state.failed, 843)
  })

  it("cancels by phase, a limit at a time, until none is left", () => {
    const lane = world([])
    submit(lane, range(1_200))
    let left = 1_200
    for (let call = 0; left > 0 && call < 50; call++) {
      const { remaining } = lane.cancelWhere(["pending"], 100) as { remaining: number }
      left = remaining
      lane.settle()
      lane.check()
    }
    assert.strictEqual(lane.state.cancelled, 1_200)
  })
})

describe("names and delays", () => {
  it("backs off exponentially, up to a limit, with a jitter that is always the same", () => {
    const retry = { maxAttempts: 9, backoffMillis: 1_000, maxBackoffMillis: 10_000 }
    for (const attempt of [1, 2, 3, 4, 5, 6]) {
      const full = Math.min(10_000, 1_000 * 2 ** (attempt - 1))
      for (const task of range(50)) {
        const delay = backoffMillis(retry, attempt, `${task}.${attempt}`)
        assert.isTrue(delay >= full / 2 && delay <= full, `${delay} of ${full}`)
        assert.strictEqual(delay, backoffMillis(retry, attempt, `${task}.${attempt}`))
      }
    }
    const delays = new Set(range(50).map((task) => backoffMillis(retry, 1, `${task}.1`)))
    assert.isAbove(delays.size, 30)
  })

  it("gives every tenant's every session a gateway key of its own", () => {
    const key = (tenant: string, id: string) => gatewaySessionKey(TenantId.make(tenant), TaskId.make(id))
    assert.strictEqual(key("acme", "s1"), "agent:main:acme-s1")
    const pairs = [
      "a/b-c",
      "a-b/c",
      "a--b/c",
      "a-/b-c",
      "A/b",
      "a/B",
      "a/b",
      "_a/b".slice(1),
      "a_/b",
      "a/b_c",
      "a/bC",
      "a/b__c"
    ]
    const keys = pairs.map((pair) => key(pair.split("/")[0]!, pair.split("/")[1]!))
    assert.strictEqual(new Set(keys).size, new Set(pairs).size)
    for (const each of keys) assert.match(each, /^agent:main:[a-z0-9._-]+$/)
    assert.strictEqual(tenantId, "acme")
  })
})
