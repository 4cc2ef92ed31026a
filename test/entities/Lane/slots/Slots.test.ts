import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, HashMap, Schema } from "effect"
import { leaseOf } from "../../../../src/entities/Lane/slots/SlotLease.ts"
import { Placement } from "../../../../src/schema/Ids.ts"
import { SlotWorld } from "./SlotWorld.ts"

const codes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffff }))), {
  minLength: 30,
  maxLength: 300
})

const lanes = ["acme/main", "acme/low", "beta/main"]

const at = <A>(items: ReadonlyArray<A>, index: number): A | undefined => items[index % Math.max(1, items.length)]

const step = (world: SlotWorld, code: number): void => {
  const pick = code >>> 4
  switch (code % 12) {
    case 0:
    case 1:
      return world.submit(at(lanes, pick)!, 1 + (pick % 7), pick % 3 === 0 ? "critical" : "low")
    case 2:
    case 3:
    case 4: {
      const run = at(world.runs, pick)
      return run && world.end(run)
    }
    case 5: {
      const moved = pick % 3 === 0 ? at([...world.lanes.keys(), ...world.instances.keys()], pick >>> 2) : undefined
      if (moved !== undefined) return world.move(moved)
      return world.pass(pick % 8 === 0 ? 100_000 : pick % 4_000)
    }
    case 6:
      if (pick % 16 === 1) return world.reregister(at(["i1", "i2"], pick >>> 4)!)
      return pick % 4 === 0 ? world.giveUp(at(["i1", "i2"], pick >>> 2)!) : undefined
    default: {
      const key = at(world.waiting, pick)
      return key === undefined ? undefined : world.deliver(key, pick % 5 === 0)
    }
  }
}

/** Lets everything arrive and everything end, until nothing is left to do. */
const finish = (world: SlotWorld): void => {
  for (let turn = 0; turn < 3_000; turn++) {
    world.deliverAll()
    world.checkRunning()
    for (const run of world.runs) world.end(run)
    world.pass(1_000)
    if (isDone(world)) return
  }
  assert.fail("not all tasks ended")
}

const isDone = (world: SlotWorld): boolean =>
  world.waiting.length === 0 &&
  world.runs.length === 0 &&
  [...world.lanes.values()].every(({ state }) => state.pending.entries.length === 0 && HashMap.isEmpty(state.running))

const isDoneWith = (world: SlotWorld, lane: string): boolean => {
  const { pending, running } = world.laneOf(lane).state
  return pending.entries.length === 0 && HashMap.isEmpty(running)
}

describe("Slots between lanes and instances", () => {
  it.prop(
    "add up on both sides at every moment, never pass a cap, and let every task end",
    [codes],
    ([codes]) => {
      const world = new SlotWorld(lanes, ["i1", "i2"], 3)
      for (const code of codes) step(world, code)
      finish(world)
      for (const { state, folded } of [...world.lanes.values()]) assert.deepEqual(state.slots, folded.slots)
    },
    { arbitrary: { runs: 40, size: 200 } }
  )

  it("go back when they are not used", () => {
    const world = new SlotWorld(lanes, ["i1", "i2"], 3)
    world.submit("acme/main", 10)
    finish(world)
    for (let n = 0; n < 20; n++) {
      world.pass(1_000)
      world.deliverAll()
    }
    for (const { state } of world.instances.values()) assert.strictEqual(HashMap.size(state.slots.holders), 0)
    for (const { state } of world.lanes.values()) assert.strictEqual(HashMap.size(state.slots), 0)
  })

  it("pass from a tenant that floods to one that comes with the next run that ends", () => {
    const world = new SlotWorld(lanes, ["i1"], 3)
    world.submit("acme/low", 400, "low")
    world.deliverAll()
    assert.strictEqual(world.runs.length, 3)
    world.pass(5_000)
    world.submit("beta/main", 1, "critical")
    world.deliverAll()
    world.end(world.runs[0]!)
    world.deliverAll()
    assert.deepStrictEqual(world.runs.map(({ tenant }) => tenant).toSorted(), ["acme", "acme", "beta"])
  })

  it("pass inside a tenant to the lane whose work comes first", () => {
    const world = new SlotWorld(lanes, ["i1"], 3)
    world.submit("acme/low", 400, "low")
    world.deliverAll()
    world.submit("acme/main", 1, "critical")
    world.deliverAll()
    world.end(world.runs[0]!)
    world.deliverAll()
    assert.strictEqual(world.runs.filter(({ runId }) => runId.includes("acme:main")).length, 1)
  })

  it("all come back to an instance that drains, which stops once they have", () => {
    const world = new SlotWorld(lanes, ["i1", "i2"], 3)
    world.submit("acme/main", 6)
    world.submit("beta/main", 6)
    world.deliverAll()
    world.drain("i1")
    const drained = [...world.instances.values()][0]!
    world.deliverAll()
    assert.strictEqual(drained.state.record!.drain, "waiting")
    for (const run of world.runs.filter(({ instance }) => instance.endsWith("/i1"))) world.end(run)
    world.deliverAll()
    assert.strictEqual(drained.state.record!.drain, "stopping")
    assert.strictEqual(world.runs.filter(({ instance }) => instance.endsWith("/i1")).length, 0)
  })

  it("are neither held nor asked for by a lane whose work is done while others wait", () => {
    const world = new SlotWorld(lanes, ["i1", "i2"], 3)
    world.submit("acme/low", 400, "low")
    world.deliverAll()
    world.submit("beta/main", 2, "critical")
    world.deliverAll()
    for (let n = 0; n < 30 && !isDoneWith(world, "beta/main"); n++) {
      world.end(world.runs.find(({ tenant }) => tenant === "beta") ?? world.runs[0]!)
      world.deliverAll()
    }
    assert.isTrue(isDoneWith(world, "beta/main"))
    for (const { state } of world.instances.values()) assert.isFalse(HashMap.has(state.slots.holders, "Lane/beta/main"))
  })

  it("that were revoked are not freed by the end of what ran on them", () => {
    const world = new SlotWorld(lanes, ["i1"], 3)
    world.submit("acme/main", 5)
    world.deliverAll()
    const lane = world.laneOf("acme/main")
    const [running] = HashMap.toValues(lane.state.running)
    const { instanceId } = running!
    lane.message("SlotsRevoked", { instanceId })
    lane.signal({
      _tag: "Assign",
      picks: [],
      parked: undefined,
      asks: [{ instanceId, placement: running!.placement, want: 1, rank: 0 }]
    })
    lane.message("SlotsGranted", { instanceId, placement: running!.placement, count: 1, keep: null, contended: false })
    const { attempt, task } = running!
    const outcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } } as const
    lane.message("AttemptEnded", { runKey: `${task.taskId}.${attempt}`, instanceId, outcome })
    assert.deepInclude(leaseOf(lane.state.slots, instanceId), { granted: 1, spent: 0 })
  })

  it("are void with the deregistration of their instance, and begin anew with the next one of its id", () => {
    const world = new SlotWorld(lanes, ["i1"], 3)
    world.submit("acme/main", 6)
    world.deliverAll()
    const lane = world.laneOf("acme/main")
    world.deregister("i1")
    for (const run of world.runs) world.end(run)
    const { record } = world.instanceOf("i1").state
    assert.strictEqual(record!.drain, "aborting", "it waits for slots that have not come back")
    world.pass(record!.deadlineAt! - world.now)
    world.stopped("i1")
    assert.strictEqual(world.instanceOf("i1").state.record!.phase, "destroyed")
    assert.strictEqual(leaseOf(lane.state.slots, "i1")!.granted, 3)
    world.register("i1")
    world.deliverAll()
    assert.strictEqual(leaseOf(lane.state.slots, "i1")!.registration, world.instanceOf("i1").state.record!.registration)
    assert.strictEqual(world.runs.length, 3)
    world.submit("acme/main", 6)
    finish(world)
  })

  it("that became void before the end of their attempts was heard leave none waiting until its time is over", () => {
    const world = new SlotWorld(["acme/main"], ["i1", "i2"], 3)
    world.submit("acme/main", 6)
    world.deliverAll()
    world.deregister("i1")
    world.pass(world.instanceOf("i1").state.record!.deadlineAt! - world.now)
    world.stopped("i1")
    world.move("Instance/default/i1")
    world.deliverAll()
    const there = () =>
      HashMap.toValues(world.laneOf("acme/main").state.running).filter(({ instanceId }) => instanceId === "i1")
    assert.deepStrictEqual(
      there().map(({ onSlot, voidAt }) => [onSlot, voidAt]),
      Array.from({ length: 3 }, () => [undefined, world.now])
    )
    world.pass(17_999)
    assert.strictEqual(there().length, 3)
    world.pass(1)
    assert.strictEqual(there().length, 0)
    finish(world)
  })

  it("of an earlier registration are not taken for those of a later one", () => {
    const world = new SlotWorld(["acme/main"], ["i1"], 3)
    world.submit("acme/main", 3)
    world.deliverAll()
    const lane = world.laneOf("acme/main")
    const { instanceId } = HashMap.toValues(lane.state.running)[0]!
    lane.message("SlotsRevoked", { instanceId, registration: "earlier" })
    assert.strictEqual(leaseOf(lane.state.slots, "i1")!.granted, 3)
    const placement = Placement.make("default")
    lane.message("SlotsGranted", {
      instanceId,
      placement,
      registration: "later",
      count: 1,
      keep: null,
      contended: false
    })
    const { granted, spent } = leaseOf(lane.state.slots, "i1")!
    assert.deepEqual({ granted, spent }, { granted: 1, spent: 0 })
    lane.signal({
      _tag: "GiveUp",
      attempts: HashMap.toValues(lane.state.running).map(({ attempt, task: { taskId } }) => ({
        taskId,
        attempt,
        instanceId,
        reason: "nothing is heard of it"
      }))
    })
    assert.strictEqual(HashMap.size(lane.state.givenUp), 0)
    assert.strictEqual(leaseOf(lane.state.slots, "i1")!.spent, 0)
  })

  it("at an instance that never comes back hold nothing up, and are forgotten", () => {
    const world = new SlotWorld(lanes, ["i1", "i2"], 3)
    for (const lane of lanes) world.submit(lane, 10)
    world.deliverAll()
    assert.isAbove(world.runs.filter(({ instance }) => instance.endsWith("/i1")).length, 0)
    world.lose("i1")
    for (const { state } of world.lanes.values()) {
      assert.isUndefined(leaseOf(state.slots, "i1"))
      assert.isFalse(HashMap.some(state.givenUp, ({ instanceId }) => instanceId === "i1"))
    }
    finish(world)
  })

  it("that were given up while an instance was away are free there again once it is back", () => {
    const world = new SlotWorld(["acme/main"], ["i1", "i2"], 3)
    world.submit("acme/main", 6)
    world.deliverAll()
    world.giveUp("i1")
    const lease = () => leaseOf(world.laneOf("acme/main").state.slots, "i1")!
    assert.strictEqual(lease().spent, 3)
    world.deliverAll()
    for (const run of world.runs) world.end(run)
    world.deliverAll()
    assert.strictEqual(HashMap.size(world.laneOf("acme/main").state.givenUp), 0)
    finish(world)
  })
})
