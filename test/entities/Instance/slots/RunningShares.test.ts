import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, HashMap, Layer, Schema } from "effect"
import * as ActorClient from "../../../../src/actor/ActorClient.ts"
import { InstanceActor } from "../../../../src/entities/Instance/InstanceActor.ts"
import { takenOf } from "../../../../src/entities/Instance/InstanceState.ts"
import * as RunningShares from "../../../../src/entities/Instance/slots/RunningShares.ts"
import { Lane } from "../../../../src/entities/Lane.ts"
import { layer as instanceLayer } from "../../../../src/entities/Instance/InstanceLayer.ts"
import * as MemoryTaskRows from "../../../../src/entities/Lane/backlog/MemoryTaskRows.ts"
import { layer as laneLayer } from "../../../../src/entities/Lane/LaneLayer.ts"
import { DeploymentCaps } from "../../../../src/ports/DeploymentCaps.ts"
import { InstanceId, LaneName, TaskId, TenantId } from "../../../../src/schema/Ids.ts"
import type { TaskSpec } from "../../../../src/schema/Task.ts"
import { ActorTest } from "../../../../src/testing/ActorTest.ts"
import { instanceSpec } from "../../../fixtures/InstanceSpecs.ts"
import * as MemoryCluster from "../../../fixtures/memory/MemoryCluster.ts"
import { untilVirtually } from "../../../fixtures/VirtualTime.ts"
import { fleetOfViews } from "../../Session/SessionRig.ts"
import { events, instance, laneId, outside, started, tenantId } from "../InstanceRig.ts"

const sizes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 }))), {
  minLength: 1,
  maxLength: 60
})
const cap = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_000 })))

const instancesOf = (of: ReadonlyArray<number>) =>
  of.map((maxConcurrentTasks, n) => ({ instanceId: InstanceId.make(`i${n}`), maxConcurrentTasks }))

/** An instance that works and grants slots. */
const working = (maxConcurrentTasks: number) => {
  const actor = new ActorTest(InstanceActor, "default/i1")
  actor.command("Register", { spec: instanceSpec("i1", { maxConcurrentTasks }) })
  const { start } = actor.state.record!
  actor.signal({ _tag: "Started", start, ref: { url: "ws://x", incarnation: "1", adopted: false } } as never)
  actor.signal({ _tag: "Ready", start, version: "1", bootId: "b" })
  actor.signal({ _tag: "SlotsOpened", start })
  const share = (count?: number) =>
    void actor.signal({ _tag: "Shared", start, ...(count === undefined ? {} : { share: count }) })
  const holder = { entityType: "Lane", entityId: "acme/main" }
  let wanted = 0
  const ask = (want: number) => {
    wanted = want
    actor.message("SlotsAsked", { holder, tenantId: TenantId.make("acme"), want, rank: 1 })
  }
  const giveBack = (count: number) => {
    const { registration } = actor.state.record!
    actor.message("SlotsReturned", {
      holder,
      count,
      want: wanted,
      ...(registration === undefined ? {} : { registration })
    })
  }
  const recalled = () => [...HashMap.values(actor.state.slots.holders)].map((one) => one.recalled)
  return { actor, ask, giveBack, recalled, share }
}

const capped = Effect.provide(
  Layer.mergeAll(instanceLayer, laneLayer.pipe(Layer.provide(MemoryTaskRows.layer))).pipe(
    Layer.provide(RunningShares.layer.pipe(Layer.provide(Layer.succeed(DeploymentCaps, { running: 3 })))),
    Layer.provide(fleetOfViews),
    Layer.provideMerge(outside()),
    Layer.provideMerge(MemoryCluster.layer)
  )
)

const taskOf = (taskId: string): TaskSpec => ({
  taskId: TaskId.make(taskId),
  tenantId,
  lane: LaneName.make("default"),
  payload: { message: `[[delay 700]] ${taskId}` },
  priority: "normal",
  hints: {},
  retry: { maxAttempts: 3, backoffMillis: 100, maxBackoffMillis: 1_000 },
  timeoutMillis: 60_000,
  idIsNew: true
})

describe("the shares of the deployment's cap", () => {
  it.prop(
    "add up to the cap, or to all slots when there are fewer, and none is above its instance's own",
    [cap, sizes],
    ([most, of]) => {
      const instances = instancesOf(of)
      const shares = RunningShares.sharesOf(most, instances)
      const all = of.reduce((sum, one) => sum + one, 0)
      assert.strictEqual(
        [...shares.values()].reduce((sum, one) => sum + one, 0),
        Math.min(most, all)
      )
      for (const { instanceId, maxConcurrentTasks } of instances) {
        assert.isAtMost(shares.get(instanceId)!, maxConcurrentTasks)
        assert.isAtMost(Math.abs(shares.get(instanceId)! - (Math.min(most, all) * maxConcurrentTasks) / all), 1)
      }
      assert.deepStrictEqual(RunningShares.sharesOf(most, instances.toReversed()), shares as never)
    }
  )

  it("bound what an instance grants, and what it granted before is wanted back", () => {
    const { actor, ask, giveBack, recalled, share } = working(8)
    ask(6)
    assert.strictEqual(takenOf(actor.state), 6)
    share(2)
    assert.deepStrictEqual(recalled(), [4])
    giveBack(4)
    ask(8)
    assert.strictEqual(takenOf(actor.state), 2)
    share()
    assert.strictEqual(takenOf(actor.state), 8)
  })

  it.effect("hold over two instances, however many tasks wait", () =>
    Effect.gen(function* () {
      for (const id of ["a", "b"]) yield* started(id, { maxConcurrentTasks: 4 })
      const shares = Effect.forEach(["a", "b"], (id) =>
        Effect.flatMap(instance(id), (client) =>
          Effect.map(Effect.orDie(client.InstanceGet()), ({ share = 9 }) => share)
        )
      )
      yield* untilVirtually(
        "both know of each other",
        Effect.map(shares, ([ofA, ofB]) => ofA! + ofB! === 3)
      )
      const lane = (yield* ActorClient.make(Lane))(laneId)
      const [first, ...rest] = Array.from({ length: 12 }, (_, n) => taskOf(`t${n}`))
      yield* lane.Submit({ tasks: [first!, ...rest] })
      yield* untilVirtually(
        "all have completed",
        Effect.map(Effect.orDie(lane.LaneGet()), ({ completed }) => completed === 12)
      )
      const marks = (yield* events("Lane", laneId)).flatMap(({ _tag }) =>
        _tag === "task.started" ? [1] : _tag === "task.completed" ? [-1] : []
      )
      let running = 0
      let most = 0
      for (const by of marks) {
        running += by
        most = Math.max(most, running)
      }
      assert.strictEqual(marks.length, 24)
      assert.strictEqual(most, 3)
    }).pipe(capped)
  )

  it("are shown with the instance", () => {
    const { actor, share } = working(8)
    share(3)
    assert.deepInclude(InstanceActor.view!.of(actor.state, "default/i1")?.doc as object, { share: 3 })
  })
})
