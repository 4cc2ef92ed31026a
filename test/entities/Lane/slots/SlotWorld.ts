/**
 * Lanes and instances without a cluster: the pure cores of both, and messages that take as long as they like. Those of
 * one sender to one receiver stay in order and arrive once, as the outbox delivers them; a told one may be lost.
 */
import { assert } from "@effect/vitest"
import { HashMap } from "effect"
import type { Outgoing } from "../../../../src/actor/Actor.ts"
import { plan } from "../../../../src/entities/Lane/dispatch/DispatchPlan.ts"
import { OtherUsage } from "../../../../src/entities/Lane/dispatch/OtherUsage.ts"
import { LaneActor, wantsDispatch } from "../../../../src/entities/Lane/LaneActor.ts"
import { InstanceActor } from "../../../../src/entities/Instance/InstanceActor.ts"
import { takenOf } from "../../../../src/entities/Instance/InstanceState.ts"
import { viewOf } from "../../../../src/entities/Instance/InstanceView.ts"
import * as SlotBook from "../../../../src/entities/Instance/slots/SlotBook.ts"
import { leaseOf } from "../../../../src/entities/Lane/slots/SlotLease.ts"
import {
  InstanceId,
  instanceEntityId,
  LaneName,
  parseInstanceEntityId,
  Placement,
  TaskId,
  TenantId
} from "../../../../src/schema/Ids.ts"
import type { Priority } from "../../../../src/schema/Task.ts"
import { ActorTest } from "../../../../src/testing/ActorTest.ts"
import { instanceSpec } from "../../../fixtures/InstanceSpecs.ts"

const placement = Placement.make("default")

type AnyActor = ActorTest<any, any, any, any, any, any>

interface Letter {
  readonly to: string
  readonly message: Outgoing
}

const lanesOf = (ids: ReadonlyArray<string>) =>
  new Map(ids.map((id) => [`Lane/${id}` as string, new ActorTest(LaneActor, id)]))
const instancesOf = (ids: ReadonlyArray<string>) =>
  new Map(
    ids.map((id) => {
      const entityId = instanceEntityId(placement, InstanceId.make(id))
      return [`Instance/${entityId}` as string, new ActorTest(InstanceActor, entityId)]
    })
  )

export class SlotWorld {
  readonly lanes: ReturnType<typeof lanesOf>
  readonly instances: ReturnType<typeof instancesOf>
  readonly cap: number
  now = 1_000_000
  readonly #queues = new Map<string, Array<Letter>>()
  readonly #sent = new Map<AnyActor, number>()
  readonly #usage = new OtherUsage()
  #tasks = 0

  /** Lanes are named `tenant/lane`. */
  constructor(lanes: ReadonlyArray<string>, instances: ReadonlyArray<string>, cap: number) {
    this.cap = cap
    this.lanes = lanesOf(lanes)
    this.instances = instancesOf(instances)
    for (const actor of this.instances.values()) this.#warm(actor)
  }

  #warm(actor: AnyActor): void {
    const { instanceId } = parseInstanceEntityId(
      [...this.instances].find(([, one]) => one === actor)![0].slice("Instance/".length)
    )
    actor.command("Register", { spec: instanceSpec(instanceId, { maxConcurrentTasks: this.cap }) })
    const { start } = actor.state.record
    actor.signal({ _tag: "Started", start, ref: { url: "ws://x", incarnation: "1", adopted: false } })
    actor.signal({ _tag: "Ready", start, version: "1", bootId: "b" })
    actor.signal({ _tag: "SlotsOpened", start })
    assert.strictEqual(actor.state.record.phase, "warm")
    this.#sent.set(actor, actor.sent.length)
  }

  submit(lane: string, count: number, priority: Priority = "normal"): void {
    const [tenantId, name] = lane.split("/") as [string, string]
    const tasks = Array.from({ length: count }, () => ({
      taskId: TaskId.make(`t${this.#tasks++}`),
      tenantId: TenantId.make(tenantId),
      lane: LaneName.make(name),
      payload: { message: "do it" },
      priority,
      hints: {},
      retry: { maxAttempts: 3, backoffMillis: 100, maxBackoffMillis: 1_000 },
      timeoutMillis: 60_000,
      idIsNew: true
    }))
    this.#decided(this.laneOf(lane), (actor) => void actor.command("Submit", { tasks: tasks as never }))
  }

  laneOf(lane: string) {
    return this.lanes.get(`Lane/${lane}`)!
  }

  /** Lets the actor decide, start what it can, and posts what it sends. */
  #decided(actor: AnyActor, decide: (actor: AnyActor) => void): void {
    actor.now = this.now
    decide(actor)
    this.#dispatch(actor)
    const from = [...this.lanes, ...this.instances].find(([, one]) => one === actor)![0]
    for (const message of actor.sent.slice(this.#sent.get(actor) ?? 0)) {
      const to = `${message.entityType}/${message.entityId}`
      const key = `${from} > ${to}${message.told === undefined ? "" : " told"}`
      const queue = this.#queues.get(key) ?? []
      this.#queues.set(key, [...queue, { to, message }])
    }
    this.#sent.set(actor, actor.sent.length)
    this.check()
  }

  #dispatch(actor: AnyActor): void {
    if (![...this.lanes.values()].includes(actor as never)) return
    const lane = actor as ActorTest<any, any, any, any, any, any>
    if (!wantsDispatch(lane.state)) return
    const views = [...this.instances.values()].map(({ state }) => viewOf(state)!.doc)
    const { assign, isIdle } = plan(lane.state, views, this.now, this.#usage)
    if (!isIdle) lane.signal(assign)
  }

  get waiting(): ReadonlyArray<string> {
    return [...this.#queues].flatMap(([key, queue]) => (queue.length === 0 ? [] : [key]))
  }

  /** Delivers the first message of one queue; a told one may be lost instead. */
  deliver(key: string, isLost = false): void {
    const [letter, ...rest] = this.#queues.get(key)!
    this.#queues.set(key, rest)
    const { message, to } = letter!
    const actor = (this.lanes.get(to) ?? this.instances.get(to)) as AnyActor
    if (isLost && message.told !== undefined) return
    this.#decided(actor, () => actor.message(message.tag, message.payload as never))
  }

  deliverAll(): void {
    for (let most = 10_000; this.waiting.length > 0; most--) {
      assert.isAbove(most, 0, "messages go round for ever")
      this.deliver(this.waiting[0]!)
    }
  }

  /** Runs under way, by instance and run id. */
  get runs(): ReadonlyArray<{ readonly instance: string; readonly runId: string; readonly tenant: string }> {
    return [...this.instances].flatMap(([instance, { state }]) =>
      HashMap.toValues(state.runs).map(({ attempt, runId }) => ({ instance, runId, tenant: attempt.tenantId }))
    )
  }

  end({ instance, runId }: { readonly instance: string; readonly runId: string }): void {
    const outcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } } as const
    this.#decided(this.instances.get(instance)!, (actor) =>
      actor.signal({ _tag: "RunEnded", runId, outcome, verdict: "success" })
    )
  }

  pass(millis: number): void {
    this.now += millis
    for (const actor of [...this.lanes.values(), ...this.instances.values()]) {
      this.#decided(actor, (one) => void one.pass(0))
    }
  }

  drain(instance: string): void {
    const actor = [...this.instances].find(([key]) => key.endsWith(`/${instance}`))![1]
    this.#decided(actor, (one) => void one.command("Drain", { deadlineMillis: 600_000 }))
  }

  #underWay(tag: string, from: string, to: string): number {
    const queue = this.#queues.get(`${from} > ${to}`) ?? []
    return queue.reduce(
      (sum, { message }) => (message.tag === tag ? sum + (message.payload as { count: number }).count : sum),
      0
    )
  }

  /** No instance gives away or runs more than its cap, and no slot is lost or made on the way. */
  check(): void {
    for (const [instance, { state }] of this.instances) {
      const id = state.record!.spec.instanceId
      assert.isAtMost(takenOf(state), this.cap, `${id} gives away more than its cap`)
      assert.isAtMost(HashMap.size(state.runs), this.cap, `${id} runs more than its cap`)
      for (const [lane, actor] of this.lanes) {
        const lease = leaseOf(actor.state.slots, id)
        const held = SlotBook.holderOf(state.slots, lane)?.held ?? 0
        const coming = this.#underWay("SlotsGranted", instance, lane)
        const going = this.#underWay("SlotsReturned", lane, instance)
        assert.strictEqual(held, (lease?.granted ?? 0) + coming + going, `slots of ${lane} at ${id} do not add up`)
        const { runs } = state
        const running = HashMap.filter(
          runs,
          (run) => run.onSlot === true && `Lane/${run.attempt.origin.entityId}` === lane
        )
        assert.isAtMost(HashMap.size(running), held, `${lane} runs more at ${id} than it holds slots`)
        assert.isAtMost(lease?.spent ?? 0, lease?.granted ?? 0, `${lane} spends more than it holds at ${id}`)
      }
    }
  }
}
