import { assert, describe, it } from "@effect/vitest"
import { InstanceActor } from "../../../src/entities/Instance/InstanceActor.ts"
import { LaneActor } from "../../../src/entities/Lane/LaneActor.ts"
import { Placement, InstanceId, TaskId } from "../../../src/schema/Ids.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import { entityId as laneId, taskSpec } from "../Lane/LaneWorld.ts"
import { attempt, entityIdOf } from "./InstanceRig.ts"
import { ActorTest } from "../../../src/testing/ActorTest.ts"

const warm = (allowedModels: ReadonlyArray<string>) => {
  const actor = new ActorTest(InstanceActor, entityIdOf("a"))
  actor.command("Register", { spec: instanceSpec("a", { allowedModels }) })
  const ref = { instanceId: InstanceId.make("a"), url: "ws://a", incarnation: "1", adopted: false }
  actor.signal({ _tag: "Started", start: 1, ref })
  actor.signal({ _tag: "Ready", start: 1, bootId: "b1", version: "1" })
  return actor
}

const modelOf = (actor: ReturnType<typeof warm>) =>
  actor.events.findLast((event) => event._tag === "run.accepted")?.secret.attempt.model

describe("the model of a run", () => {
  it("is the one of the task's hints where its payload names none", () => {
    const lane = new ActorTest(LaneActor, laneId)
    const named = { payload: { message: "hi", model: "own" }, hints: { model: "hinted" } }
    lane.command("Submit", {
      tasks: [
        taskSpec("t1", { hints: { model: "hinted" }, idIsNew: true }),
        taskSpec("t2", { ...named, idIsNew: true })
      ]
    })
    const pick = (taskId: string) => ({
      taskId: TaskId.make(taskId),
      instanceId: InstanceId.make("a"),
      placement: Placement.make("default"),
      because: "test"
    })
    lane.signal({ _tag: "Assign", picks: [pick("t1"), pick("t2")], asks: [], turnAsks: [], parked: undefined })
    assert.deepStrictEqual(
      lane.sent.map(({ payload }) => (payload as { attempt: { model?: string } }).attempt.model),
      ["hinted", "own"]
    )
  })

  it("is the first that its instance may use where nobody names one, and none that it may not", () => {
    const actor = warm(["one", "two"])
    actor.command("Execute", { attempt: attempt("t1", "hi") })
    assert.strictEqual(modelOf(actor), "one")
    actor.command("Execute", { attempt: attempt("t2", "hi", { model: "two" }) })
    assert.strictEqual(modelOf(actor), "two")
    const accepted = actor.events.length
    actor.command("Execute", { attempt: attempt("t3", "hi", { model: "three" }) })
    assert.strictEqual(actor.events.length, accepted)
    assert.match(JSON.stringify(actor.sent.at(-1)!.payload), /may not use model three/)
  })

  it("is the gateway's own where any may be used and nobody names one", () => {
    const actor = warm([])
    actor.command("Execute", { attempt: attempt("t1", "hi") })
    assert.isUndefined(modelOf(actor))
  })
})
