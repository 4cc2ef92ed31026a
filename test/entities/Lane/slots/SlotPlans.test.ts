/** On which slots a plan starts tasks, and which slots it asks for. */
import { assert, describe, it } from "@effect/vitest"
import { plan } from "../../../../src/entities/Lane/dispatch/DispatchPlan.ts"
import { OtherUsage } from "../../../../src/entities/Lane/dispatch/OtherUsage.ts"
import { LaneActor } from "../../../../src/entities/Lane/LaneActor.ts"
import { InstanceId, Placement, SessionId } from "../../../../src/schema/Ids.ts"
import type { TaskSpec } from "../../../../src/schema/Task.ts"
import { ActorTest } from "../../../../src/testing/ActorTest.ts"
import { instanceStatus } from "../../../fixtures/Fleet.ts"
import { entityId, taskSpec } from "../LaneWorld.ts"

const placement = Placement.make("default")
const granting = (id: string) => ({ ...instanceStatus(id), placement, grantsSlots: true })

/** A lane with these tasks, which holds a slot at each of `held` and plans over `fleet`. */
const laneOf = (fleet: ReadonlyArray<string>, held: ReadonlyArray<string>, ...tasks: ReadonlyArray<TaskSpec>) => {
  const lane = new ActorTest(LaneActor, entityId)
  const views = fleet.map(granting)
  const planned = () => plan(lane.state, views, lane.now, new OtherUsage()).assign
  lane.command("Submit", { tasks: tasks as never })
  for (const id of held) {
    const instanceId = InstanceId.make(id)
    const ask = { instanceId, placement, want: 1, rank: 0 }
    lane.signal({ _tag: "Assign", picks: [], asks: [ask], parked: undefined })
    lane.message("SlotsGranted", { instanceId, placement, count: 1, keep: null, contended: false })
  }
  return { lane, planned, dispatch: () => lane.signal(planned()) }
}

const started = ({ picks }: ReturnType<ReturnType<typeof laneOf>["planned"]>) =>
  picks.map(({ instanceId, taskId }) => [taskId as string, instanceId as string])
const asked = ({ asks }: ReturnType<ReturnType<typeof laneOf>["planned"]>) =>
  asks?.map(({ instanceId, want }) => [instanceId as string, want])

describe("A lane that holds slots", () => {
  it("starts on a slot that it holds rather than asks for one elsewhere, when it does not matter where", () => {
    const { planned } = laneOf(["a", "b"], ["a"], taskSpec("t1"))
    assert.deepStrictEqual(started(planned()), [["t1", "a"]])
    assert.deepStrictEqual(asked(planned()), [])
  })

  it("asks elsewhere for a task that failed where its free slot is, and goes there all the same when none is granted", () => {
    const { dispatch, lane, planned } = laneOf(["a", "b"], ["a"], taskSpec("t1"))
    dispatch()
    const outcome = { _tag: "failed", error: { code: "Fake", message: "no", retryable: true } } as const
    lane.message("AttemptEnded", { runKey: "t1.1", instanceId: InstanceId.make("a"), outcome } as never)
    lane.pass(200)
    assert.deepStrictEqual(started(planned()), [])
    assert.deepStrictEqual(asked(planned()), [["b", 1]])
    assert.include(planned().parked!.waits[0]!.reason, "a slot of b is asked for")
    dispatch()
    lane.pass(600)
    assert.deepStrictEqual(started(planned()), [["t1", "a"]])
  })

  it("asks where a workspace's tasks belong while it holds a slot elsewhere", () => {
    const ofWorkspace = { workspaceId: "w" as never, hints: { policy: "TenantAffinity" as const } }
    const only = ["a", "b", "c"].find((id) => {
      const { planned } = laneOf(["a", "b", "c"], [id], taskSpec("t1", ofWorkspace))
      return started(planned()).length === 1
    })
    const other = ["a", "b", "c"].find((id) => id !== only)!
    const { planned } = laneOf(["a", "b", "c"], [other], taskSpec("t1", ofWorkspace))
    assert.deepStrictEqual(started(planned()), [])
    assert.deepStrictEqual(asked(planned()), [[only, 1]])
  })

  it("asks for a turn of a session only once every runner knows such asks", () => {
    const { lane } = laneOf(["a"], ["a"], taskSpec("t1", { sessionId: SessionId.make("s") }))
    const asks = (mayAskTurns: boolean) => {
      const views = [granting("a")]
      return plan(lane.state, views, lane.now, new OtherUsage(), Infinity, mayAskTurns).assign.turnAsks ?? []
    }
    assert.deepStrictEqual(asks(false), [])
    assert.deepStrictEqual(
      asks(true).map(({ sessionId }) => sessionId),
      ["s"]
    )
  })

  it("asks for tasks that can run behind more tasks that cannot than the lane may run", () => {
    const lame = Array.from({ length: 100 }, (_, n) =>
      taskSpec(`n${n}`, { hints: { requiredCapabilities: ["teleport"] }, priority: "critical" })
    )
    const { lane, planned } = laneOf(["a"], [], ...lame, taskSpec("t1"))
    assert.isBelow(lane.state.config.concurrency, lame.length)
    assert.deepStrictEqual(asked(planned()), [["a", 1]])
  })
})
