/** An instance grants slots only once every runner can read what that stores. */
import { assert, describe, it } from "@effect/vitest"
import { HashMap } from "effect"
import { InstanceActor } from "../../../../src/entities/Instance/InstanceActor.ts"
import { InstanceId, instanceEntityId, Placement, TenantId } from "../../../../src/schema/Ids.ts"
import { ActorTest } from "../../../../src/testing/ActorTest.ts"
import { instanceSpec } from "../../../fixtures/InstanceSpecs.ts"
import { attempt } from "../InstanceRig.ts"

const warm = () => {
  const actor = new ActorTest(InstanceActor, instanceEntityId(Placement.make("default"), InstanceId.make("a")))
  actor.command("Register", { spec: instanceSpec("a", { maxConcurrentTasks: 1 }) })
  const { start } = actor.state.record!
  actor.signal({
    _tag: "Started",
    start,
    ref: { instanceId: InstanceId.make("a"), url: "ws://x", incarnation: "1", adopted: false }
  })
  actor.signal({ _tag: "Ready", start, version: "1", bootId: "b" })
  return { actor, open: () => actor.signal({ _tag: "SlotsOpened", start }) }
}

const execute = (actor: ReturnType<typeof warm>["actor"], task: string) =>
  actor.command("Execute", { attempt: attempt(task, "do it") })

const tags = ({ sent }: ReturnType<typeof warm>["actor"]) => sent.map(({ tag }) => tag)

describe("An instance beside runners that do not know of slots", () => {
  it("says nothing of slots, runs as many attempts as it may, and refuses the rest at once", () => {
    const { actor } = warm()
    execute(actor, "t1")
    execute(actor, "t2")
    assert.strictEqual(HashMap.size(actor.state.runs), 1)
    assert.strictEqual(HashMap.size(actor.state.queued), 0)
    assert.deepStrictEqual(tags(actor), ["AttemptRefused"])
    assert.isUndefined(InstanceActor.view!.of(actor.state, "default/a")!.doc.grantsSlots)
    assert.notInclude(actor.events.map(({ _tag }) => _tag).join(), "slots")
  })

  it("grants slots from when all know of them, and counts what runs already", () => {
    const { actor, open } = warm()
    execute(actor, "t1")
    open()
    open()
    assert.strictEqual(actor.events.filter(({ _tag }) => _tag === "instance.internal_slots_opened").length, 1)
    assert.isTrue(InstanceActor.view!.of(actor.state, "default/a")!.doc.grantsSlots)
    execute(actor, "t2")
    assert.strictEqual(HashMap.size(actor.state.queued), 1)
    const { runId } = HashMap.toValues(actor.state.runs)[0]!
    const outcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } } as const
    actor.signal({ _tag: "RunEnded", runId, outcome, verdict: "success" })
    assert.strictEqual(HashMap.size(actor.state.queued), 0)
    assert.strictEqual(HashMap.size(actor.state.runs), 1)
  })
})

describe("An instance at which tenants wait", () => {
  it("looks each second who is to give a slot back, and stops when nobody has more than who waits", () => {
    const { actor, open } = warm()
    open()
    const ask = (tenant: string, want: number) => {
      const holder = { entityType: "Lane", entityId: `${tenant}/main` }
      actor.message("SlotsAsked", { holder, tenantId: TenantId.make(tenant), want, rank: 0 })
    }
    const counted = () => actor.events.filter(({ _tag }) => _tag === "instance.internal_slots_counted").length
    ask("acme", 4)
    actor.pass(5_000)
    assert.strictEqual(counted(), 0)
    ask("beta", 1)
    assert.isTrue(actor.pass(3_500))
    assert.strictEqual(counted(), 3)
    ask("beta", 0)
    actor.pass(5_000)
    assert.strictEqual(counted(), 3)
  })
})
