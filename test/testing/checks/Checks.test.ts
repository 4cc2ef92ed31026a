import { assert, describe, it } from "@effect/vitest"
import { caps } from "../../../src/testing/checks/Caps.ts"
import { feedOrder } from "../../../src/testing/checks/FeedOrder.ts"
import type { HistoryRow } from "../../../src/testing/checks/History.ts"
import { priority, turnOrder } from "../../../src/testing/checks/Order.ts"
import { allEnded, outcomes } from "../../../src/testing/checks/Outcomes.ts"
import { ownership } from "../../../src/testing/checks/Ownership.ts"
import { sessionRuns } from "../../../src/testing/checks/SessionRuns.ts"
import { Cursor } from "../../../src/schema/feed/Feed.ts"

let seq = 0
const row = (events: HistoryRow["events"], more: Partial<HistoryRow> = {}): HistoryRow => ({
  shardId: "default:1",
  epoch: 1,
  entityType: "Lane",
  entityId: "t/default",
  seq: ++seq,
  requestId: null,
  at: seq,
  events,
  ...more
})
const event = (_tag: string, fields: Record<string, unknown> = {}) => ({ _tag, tenantId: "t", taskId: "a", ...fields })
const found = (violations: ReadonlyArray<{ readonly invariant: string }>) =>
  violations.map(({ invariant }) => invariant)

describe("checkers fire on a planted bug and pass a sound history", () => {
  it("I1: a write under an epoch that was passed", () => {
    const sound = [row([], { seq: 1 }), row([], { seq: 2, epoch: 2 })]
    assert.deepStrictEqual(ownership(sound), [])
    assert.deepStrictEqual(found(ownership([...sound, row([], { seq: 3, epoch: 1 })])), ["I1"])
  })

  it("I1: a sequence with a gap or a double", () => {
    assert.deepStrictEqual(found(ownership([row([], { seq: 1 }), row([], { seq: 3 })])), ["I1"])
    assert.deepStrictEqual(found(ownership([row([], { seq: 1 }), row([], { seq: 1 })])), ["I1"])
  })

  it("I3: a request done twice", () => {
    const twice = [row([], { seq: 1, requestId: "r" }), row([], { seq: 2, requestId: "r" })]
    assert.deepStrictEqual(found(ownership(twice)), ["I3"])
  })

  it("I2: an accepted task that never ends", () => {
    const open = [row([event("task.submitted")])]
    assert.deepStrictEqual(found(allEnded(open)), ["I2"])
    assert.deepStrictEqual(allEnded([...open, row([event("task.completed")])]), [])
  })

  it("I3: a task that ends twice, and one that a replay reopened", () => {
    const ended = [row([event("task.submitted")]), row([event("task.dead_lettered")])]
    assert.deepStrictEqual(found(outcomes([...ended, row([event("task.completed")])])), ["I3"])
    assert.deepStrictEqual(outcomes([...ended, row([event("task.replayed")]), row([event("task.completed")])]), [])
  })

  it("I3: a run that is accepted or ends twice", () => {
    const run = { instanceId: "i", runKey: "a.1" }
    const accepted = row([event("run.accepted", run)])
    const ended = row([event("run.ended", run)])
    assert.deepStrictEqual(outcomes([accepted, ended]), [])
    assert.deepStrictEqual(found(outcomes([accepted, ended, ended])), ["I3"])
    assert.deepStrictEqual(found(outcomes([accepted, accepted])), ["I3"])
  })

  it("I6: more at once than the lane or the instance may run", () => {
    const configured = row([event("lane.configured", { config: { concurrency: 1 } })])
    const start = (taskId: string) => row([event("task.started", { taskId })])
    assert.deepStrictEqual(caps([configured, start("a"), row([event("task.completed")]), start("b")]), [])
    assert.deepStrictEqual(found(caps([configured, start("a"), start("b")])), ["I6"])
    const instance = { entityType: "Instance", entityId: "default/i" }
    const registered = row([event("instance.registered", { secret: { spec: { maxConcurrentTasks: 1 } } })], instance)
    const accept = (runKey: string) => row([event("run.accepted", { instanceId: "i", runKey })], instance)
    assert.deepStrictEqual(found(caps([registered, accept("a.1"), accept("b.1")])), ["I6"])
    const updated = (most: number) =>
      row([event("instance.updated", { secret: { spec: { maxConcurrentTasks: most } } })], instance)
    assert.deepStrictEqual(caps([registered, updated(2), accept("a.1"), accept("b.1")]), [])
    assert.deepStrictEqual(found(caps([registered, updated(2), updated(1), accept("a.1"), accept("b.1")])), ["I6"])
  })

  it("I4: a turn that overtakes another or runs beside it", () => {
    const session = { entityType: "Session", entityId: "t/s" }
    const queued = (turnId: string) => row([event("session.turn_queued", { turnId, position: "tail" })], session)
    const started = (turnId: string) => row([event("session.turn_started", { turnId })], session)
    const ended = (turnId: string) => row([event("session.turn_completed", { turnId })], session)
    const both = [queued("1"), queued("2")]
    assert.deepStrictEqual(turnOrder([...both, started("1"), ended("1"), started("2"), ended("2")]), [])
    assert.deepStrictEqual(found(turnOrder([...both, started("2")])), ["I4"])
    assert.include(found(turnOrder([...both, started("1"), started("2")])), "I4")
  })

  it("I4: a task that runs in a session beside a turn of it, or beside a task of another lane", () => {
    const session = { entityType: "Session", entityId: "t/s" }
    const turn = (tag: string) => row([event(`session.turn_${tag}`, { turnId: "1" })], session)
    const submitted = (taskId: string) => row([event("task.submitted", { taskId, task: { sessionId: "s" } })])
    const task = (tag: string, taskId: string) => row([event(`task.${tag}`, { taskId })])
    const both = [submitted("a"), submitted("b")]
    const inTurn = [...both, turn("started"), turn("completed"), task("started", "a"), task("retrying", "a")]
    assert.deepStrictEqual(sessionRuns([...inTurn, task("started", "b")]), [])
    assert.deepStrictEqual(found(sessionRuns([...both, turn("started"), task("started", "a")])), ["I4"])
    assert.deepStrictEqual(found(sessionRuns([...both, task("started", "b"), task("started", "a")])), ["I4"])
  })

  it("I7: a task that starts before one which ranks before it", () => {
    const submitted = (taskId: string, rank: number, task = {}) =>
      row([event("task.submitted", { taskId, rank, phase: "pending", task })])
    const started = (taskId: string) => row([event("task.started", { taskId })], { at: seq + 60_000 })
    const both = [submitted("a", 1), submitted("b", 2)]
    assert.deepStrictEqual(priority([...both, started("a"), started("b")]), [])
    assert.deepStrictEqual(found(priority([...both, started("b")])), ["I7"])
    const late = [submitted("a", 1, { deadlineAt: seq + 60_000 }), submitted("b", 2)]
    assert.deepStrictEqual(priority([...late, started("b")]), [])
    const early = [submitted("a", 1, { deadlineAt: seq + 90_000 }), submitted("b", 2)]
    assert.deepStrictEqual(found(priority([...early, started("b")])), ["I7"])
  })

  it("I12: a feed that skips, repeats or swaps", () => {
    const history = [row([event("task.submitted")], { seq: 1 }), row([event("task.completed")], { seq: 2 })]
    const shown = history.map(({ entityId, entityType, events, seq: n }) => ({
      cursor: Cursor.make(`1-${n}`),
      type: events[0]!._tag,
      timestamp: 0,
      entityType,
      entityId,
      seq: n,
      payload: {}
    }))
    assert.deepStrictEqual(feedOrder(history, shown), [])
    assert.deepStrictEqual(found(feedOrder(history, shown.slice(1))), ["I12"])
    assert.deepStrictEqual(found(feedOrder(history, shown.toReversed())), ["I12"])
    assert.deepStrictEqual(found(feedOrder(history, [...shown, shown[1]!])), ["I12"])
  })
})
