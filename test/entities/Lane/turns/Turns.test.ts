import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, HashMap, Schema } from "effect"
import type { LaneEvent } from "../../../../src/schema/events/LaneEvents.ts"
import { InstanceId, TaskId } from "../../../../src/schema/Ids.ts"
import { completed, TurnWorld } from "./TurnWorld.ts"

const codes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffff }))), {
  minLength: 30,
  maxLength: 300
})

const at = <A>(items: ReadonlyArray<A>, index: number): A | undefined => items[index % Math.max(1, items.length)]

const failed = (retryable: boolean) => ({
  _tag: "failed" as const,
  error: { code: "Fake", message: "no", retryable }
})

const endOne = (world: TurnWorld, pick: number): void => {
  const runId = [...world.runs.keys()][0]
  if (runId === undefined) return
  if (pick % 5 === 0) return world.refuse(runId)
  world.end(runId, pick % 5 === 1 ? failed(pick % 2 === 0) : completed)
}

const change = (world: TurnWorld, pick: number): void => {
  const lane = world.lanes[pick % 2]!
  switch (pick % 7) {
    case 0:
      return world.command(world.session as never, "SessionAbort", { queued: pick % 2 === 0 })
    case 1:
      return world.command(lane as never, "Cancel", { taskId: TaskId.make(`task${(pick >>> 3) % 8}`) })
    case 2:
      return world.command(lane as never, "Configure", {
        config: lane.state.config,
        change: { paused: pick % 4 === 0, concurrency: 1 + (pick % 3) }
      })
    case 3:
      return world.command(world.session as never, "SessionSteer", {
        turnId: `steer${pick}`,
        message: "now",
        queueMode: "interrupt"
      })
    case 4:
      return world.command(world.session as never, "SessionMove", {})
    default:
      return world.pass(pick % 3 === 0 ? 70_000 : pick % 3_000)
  }
}

const step = (world: TurnWorld, code: number): void => {
  const pick = code >>> 4
  switch (code % 12) {
    case 0:
    case 1:
      return void world.submit(pick % 2, { priority: pick % 3 === 0 ? "critical" : "low" })
    case 2:
      return void world.send()
    case 3:
    case 4:
      return endOne(world, pick)
    case 5:
      return change(world, pick)
    case 6:
      return world.place(`i${pick % 2}`)
    default: {
      const key = at(world.waiting, pick)
      return key === undefined ? undefined : world.deliver(key)
    }
  }
}

const talking = () => {
  const world = new TurnWorld()
  world.command(world.session as never, "SessionCreate", { hints: {} })
  return world
}

const tagsOf = (events: ReadonlyArray<LaneEvent>, taskId: string) =>
  events.flatMap((event) => ("taskId" in event && event.taskId === taskId ? [event._tag] : []))

const runOf = (world: TurnWorld): string => [...world.runs.keys()][0]!

describe("Tasks that name a session", () => {
  it.prop(
    "never run beside another task or turn of it, and all end",
    [codes],
    ([codes]) => {
      const world = talking()
      for (const code of codes) step(world, code)
      for (const lane of world.lanes) {
        world.command(lane as never, "Configure", { config: lane.state.config, change: { paused: false } })
      }
      world.finish()
      for (const lane of world.lanes) assert.deepEqual(lane.state.turns, lane.folded.turns)
      assert.deepStrictEqual(world.session.restored, world.session.state)
    },
    { arbitrary: { runs: 60, size: 200 } }
  )

  it("run beside nothing also where a lane hears of its turn only after that was aborted", () => {
    const world = talking()
    world.submit()
    world.deliver(world.waiting[0]!)
    world.place()
    world.command(world.session as never, "SessionSteer", { turnId: "now", message: "now", queueMode: "interrupt" })
    world.pass(70_000)
    world.deliver(world.waiting.find((key) => key.startsWith("Session"))!)
    world.place()
    assert.deepStrictEqual(world.owners, ["task0"])
    world.finish()
    assert.deepStrictEqual(world.order.toSorted(), ["now", "task0"])
  })

  it("run where the session lives, in order with its turns", () => {
    const world = talking()
    const before = world.send()
    world.deliverAll()
    const task = world.submit()
    world.deliverAll()
    const after = world.send()
    world.deliverAll()
    assert.deepStrictEqual(world.order, [before])
    world.finish()
    assert.deepStrictEqual(world.order, [before, task, after])
    const started = world.lanes[0]!.events.find(({ _tag }) => _tag === "task.started")
    assert.deepInclude(started, { instanceId: InstanceId.make("i1"), onTurn: true })
  })

  it("create the session that nobody has created, which then takes what its creator says of it", () => {
    const world = new TurnWorld()
    world.submit()
    world.finish()
    assert.deepStrictEqual(world.order, ["task0"])
    const answer = world.session.command("SessionCreate", { hints: { model: "m" }, label: "mine" })
    assert.strictEqual(answer._tag, "Success")
    assert.deepInclude(world.session.state.created, { label: "mine", hints: { model: "m" } })
  })

  it("run by priority among each other, one at a time", () => {
    const world = talking()
    const running = world.send()
    world.deliverAll()
    const low = world.submit(0, { priority: "low" })
    world.deliverAll()
    const critical = world.submit(0, { priority: "critical" })
    world.finish()
    assert.deepStrictEqual(world.order, [running, critical, low])
  })

  it("fail for good, with a reason of their own, when the session is closed", () => {
    const world = talking()
    world.command(world.session as never, "SessionTerminate", undefined)
    const task = world.submit()
    world.deliverAll()
    const [lane] = world.lanes
    assert.deepStrictEqual(tagsOf(lane!.events, task), ["task.submitted", "task.failed"])
    const end = lane!.events.findLast(({ _tag }) => _tag === "task.failed") as { readonly error: object }
    assert.deepInclude(end.error, { code: "SessionClosed", retryable: false })
    assert.isTrue(HashMap.isEmpty(lane!.state.turns))
  })

  it("are retried by their own policy, each attempt on a turn of its own, behind what was accepted meanwhile", () => {
    const world = talking()
    const task = world.submit()
    world.deliverAll()
    const turn = world.send()
    world.end(runOf(world), failed(true))
    world.deliverAll()
    world.end(runOf(world))
    world.finish()
    assert.deepStrictEqual(world.order, [task, turn, task])
    assert.deepStrictEqual(tagsOf(world.lanes[0]!.events, task), [
      "task.submitted",
      "task.started",
      "task.retrying",
      "task.started",
      "task.completed"
    ])
  })

  it("keep their place when the instance refuses an attempt, which does not count", () => {
    const world = talking()
    const task = world.submit()
    world.deliverAll()
    const turn = world.send()
    world.refuse(runOf(world))
    world.finish()
    assert.deepStrictEqual(world.order, [task, task, turn])
    const attempts = world.lanes[0]!.events.flatMap((event) => (event._tag === "task.started" ? [event.attempt] : []))
    assert.deepStrictEqual(attempts, [1, 1])
  })

  it("are cancelled by an abort of the session's turn when they run, and by an interrupt", () => {
    const world = talking()
    const task = world.submit()
    world.deliverAll()
    world.command(world.session as never, "SessionAbort", { queued: false })
    world.finish()
    assert.deepStrictEqual(tagsOf(world.lanes[0]!.events, task), [
      "task.submitted",
      "task.started",
      "lane.internal_cancel_asked",
      "task.cancelled"
    ])
    assert.include(
      JSON.stringify(world.lanes[0]!.events.findLast(({ _tag }) => _tag === "task.cancelled")),
      "session talk"
    )
  })

  it("give their turn back when they are cancelled while they wait for it", () => {
    const world = talking()
    world.send()
    world.deliverAll()
    const task = world.submit()
    world.deliverAll()
    world.command(world.lanes[0] as never, "Cancel", { taskId: TaskId.make(task) })
    world.deliverAll()
    assert.strictEqual(world.session.state.queue.length, 0)
    assert.isTrue(HashMap.isEmpty(world.lanes[0]!.state.turns))
  })

  it("fail at their deadline while they wait for the session, which they leave", () => {
    const world = talking()
    world.send()
    world.deliverAll()
    const task = world.submit(0, { deadlineAt: world.now + 5_000 })
    world.deliverAll()
    world.pass(6_000)
    world.deliverAll()
    assert.deepStrictEqual(tagsOf(world.lanes[0]!.events, task), ["task.submitted", "task.failed"])
    assert.strictEqual(world.session.state.queue.length, 0)
  })

  it("leave the session to its turns while their lane is paused", () => {
    const world = talking()
    world.send()
    world.deliverAll()
    const task = world.submit()
    world.deliverAll()
    const [lane] = world.lanes
    world.command(lane as never, "Configure", { config: lane!.state.config, change: { paused: true } })
    const turn = world.send()
    world.end(runOf(world))
    world.deliverAll()
    assert.deepStrictEqual(world.order, ["turn0", turn])
    world.command(lane as never, "Configure", { config: lane!.state.config, change: { paused: false } })
    world.finish()
    assert.deepStrictEqual(world.order, ["turn0", turn, task])
  })

  it("go where the session goes when it is moved", () => {
    const world = talking()
    world.send()
    world.finish()
    world.command(world.session as never, "SessionMove", {})
    world.submit()
    while (world.waiting.length > 0) world.deliver(world.waiting[0]!)
    world.place("i2")
    world.finish()
    const started = world.lanes[0]!.events.find(({ _tag }) => _tag === "task.started")
    assert.deepInclude(started, { instanceId: InstanceId.make("i2") })
  })

  it("leave half of the lane to other work while their sessions are busy", () => {
    const world = talking()
    world.send()
    world.deliverAll()
    const [lane] = world.lanes
    world.command(lane as never, "Configure", { config: lane!.state.config, change: { concurrency: 4 } })
    for (const name of ["a", "b", "c", "d"]) world.submit(0, { sessionId: name as never })
    assert.strictEqual(HashMap.size(lane!.state.turns), 2)
  })

  it("say what they wait for", () => {
    const world = talking()
    world.send()
    world.deliverAll()
    const task = TaskId.make(world.submit())
    world.deliverAll()
    const answer = world.lanes[0]!.command("Explain", { taskId: task })
    assert.deepInclude(answer, { value: { waitingFor: "a turn of session talk (1 of 1 in lane main)" } })
  })

  it("do not start on a turn of which they hear when the session is about to go on without it", () => {
    const world = talking()
    const task = world.submit()
    const [toSession] = world.waiting
    world.deliver(toSession!)
    world.place()
    const [toLane] = world.waiting
    world.pass(150_000)
    world.deliver(toLane!)
    assert.deepStrictEqual(tagsOf(world.lanes[0]!.events, task), ["task.submitted"])
    world.finish()
    assert.deepStrictEqual(world.order, [task])
  })

  it("end the session's wait for a lane that never returns its turn", () => {
    const world = talking()
    world.submit()
    world.deliverAll()
    world.session.now = world.now
    assert.isTrue(world.session.pass(60_000 + 180_001))
    assert.isUndefined(world.session.state.head)
    assert.strictEqual(world.session.sent.at(-1)?.tag, "TurnRecalled")
  })
})
