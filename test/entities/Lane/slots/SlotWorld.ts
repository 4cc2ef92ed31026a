/**
 * Lanes, instances and their gateways without a cluster: the pure cores of them, and messages that take as long as they
 * like. Those of one sender to one receiver stay in order and arrive once, as the outbox delivers them. What is told
 * stays in order and is told until it is heard or not wanted any more: it may arrive twice, and it is lost with the
 * sender's owner, as the board of an instance is with the instance's.
 */
import { assert } from "@effect/vitest"
import { HashMap } from "effect"
import type { Outgoing } from "../../../../src/actor/Actor.ts"
import { tellTo } from "../../../../src/actor/Send.ts"
import { AttemptEnded, AttemptRefused } from "../../../../src/rpc/AttemptRpcs.ts"
import type { Attempt, AttemptOutcome } from "../../../../src/schema/runs/Attempt.ts"
import { plan } from "../../../../src/entities/Lane/dispatch/DispatchPlan.ts"
import { plan as planGiveUp, stranded } from "../../../../src/entities/Lane/dispatch/GiveUp.ts"
import { OtherUsage } from "../../../../src/entities/Lane/dispatch/OtherUsage.ts"
import { LaneActor } from "../../../../src/entities/Lane/LaneActor.ts"
import { wantsDispatch } from "../../../../src/entities/Lane/LaneState.ts"
import { InstanceActor } from "../../../../src/entities/Instance/InstanceActor.ts"
import { runIdOf, takenOf } from "../../../../src/entities/Instance/InstanceState.ts"
import { type BoardNote, voidSlot } from "../../../../src/entities/Instance/board/BoardDecisions.ts"
import * as BoardEnds from "../../../../src/entities/Instance/board/BoardEnds.ts"
import type { Refusal } from "../../../../src/entities/Instance/runs/RunTransitions.ts"
import { type BoardRun, RunBoard } from "../../../../src/entities/Instance/board/RunBoard.ts"
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

const done: AttemptOutcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } }

type AnyActor = ActorTest<any, any, any, any, any, any>

interface Letter {
  readonly to: string
  readonly message: Outgoing
}

/** What a gateway knows of a run. */
interface AtGateway {
  readonly run: Pick<BoardRun, "attempt">
  isRunning: boolean
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
  readonly #boards = new Map<string, RunBoard>()
  /** By instance, and there by run id. A gateway goes on when its instance has another owner. */
  readonly #gateways = new Map<string, Map<string, AtGateway>>()
  /** Starts that gateways have executed. */
  readonly #executed = new Set<string>()
  #tasks = 0

  /** Lanes are named `tenant/lane`. */
  constructor(lanes: ReadonlyArray<string>, instances: ReadonlyArray<string>, cap: number) {
    this.cap = cap
    this.lanes = lanesOf(lanes)
    this.instances = instancesOf(instances)
    for (const [instance, actor] of this.instances) {
      this.#boards.set(instance, new RunBoard())
      this.#gateways.set(instance, new Map())
      this.#warm(actor)
    }
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
    const from = this.#keyOf(actor)
    for (const message of actor.sent.slice(this.#sent.get(actor) ?? 0)) this.#post(from, message)
    this.#sent.set(actor, actor.sent.length)
    for (const note of actor.handed.splice(0) as Array<BoardNote>) this.#take(from, note)
    this.check()
  }

  #keyOf(actor: AnyActor): string {
    return [...this.lanes, ...this.instances].find(([, one]) => one === actor)![0]
  }

  #post(from: string, message: Outgoing): void {
    const to = `${message.entityType}/${message.entityId}`
    const key = `${from} > ${to}${message.told === undefined ? "" : " told"}`
    const queue = this.#queues.get(key) ?? []
    this.#queues.set(key, [...queue, { to, message }])
  }

  /** As the shell of an instance does (TakeNotes.ts, RunOnBoard.ts). */
  #take(instance: string, note: BoardNote): void {
    const board = this.#boards.get(instance)!
    if (note._tag === "Present") return board.present(note)
    const gateway = this.#gateways.get(instance)!
    if (note._tag === "Stop") {
      const runId = runIdOf(note.origin, note.runKey)
      const run = board.runs.get(runId)
      if (run !== undefined) board.over(run)
      const there = gateway.get(runId)
      if (there !== undefined) there.isRunning = false
      return this.#tellEnd(instance, note, { _tag: "aborted" })
    }
    const run = board.admit(note, this.now)
    if (run === undefined) return
    const refusal = voidSlot(this.instances.get(instance)!.state, note)
    if (refusal !== undefined) {
      board.over(run)
      return this.#tellRefusal(instance, run.attempt, refusal)
    }
    const there = run.entry === undefined ? gateway.get(run.runId) : undefined
    if (there === undefined) return this.#execute(gateway, run)
    if (!there.isRunning) this.#over(instance, run)
  }

  #execute(gateway: Map<string, AtGateway>, run: BoardRun): void {
    const start = `${run.runId}@${run.startedAt}`
    assert.isFalse(this.#executed.has(start), `${start} is executed twice`)
    this.#executed.add(start)
    gateway.set(run.runId, { run, isRunning: true })
  }

  #over(instance: string, run: BoardRun, outcome = done): void {
    this.#boards.get(instance)!.over(run)
    this.#tellEnd(instance, { ...run.attempt }, outcome)
  }

  #tellEnd(instance: string, { origin, runKey }: Pick<Attempt, "origin" | "runKey">, outcome: AttemptOutcome): void {
    const { instanceId } = parseInstanceEntityId(instance.slice("Instance/".length))
    this.#post(
      instance,
      tellTo(origin, AttemptEnded, { runKey, instanceId, outcome }, () => true)
    )
  }

  #tellRefusal(instance: string, { origin, runKey }: Attempt, refusal: Refusal): void {
    const { instanceId } = parseInstanceEntityId(instance.slice("Instance/".length))
    this.#post(
      instance,
      tellTo(origin, AttemptRefused, { runKey, instanceId, ...refusal }, () => true)
    )
  }

  /** The next owner of the actor: what was told and not heard is lost, and told again by what the state says. */
  move(key: string): void {
    const actor = (this.lanes.get(key) ?? this.instances.get(key)) as AnyActor
    for (const queue of [...this.#queues.keys()]) {
      if (queue.startsWith(`${key} > `) && queue.endsWith(" told")) this.#queues.delete(queue)
    }
    actor.epoch++
    if (this.#boards.has(key)) this.#boards.set(key, new RunBoard())
    const definition = this.#boards.has(key) ? InstanceActor : LaneActor
    const entityId = key.slice(key.indexOf("/") + 1)
    const seq = actor.seq + 1
    const context = { entityId, epoch: actor.epoch, now: this.now, seq }
    for (const message of definition.retells!(actor.state as never, context)) this.#post(key, message)
  }

  #dispatch(actor: AnyActor): void {
    if (![...this.lanes.values()].includes(actor as never)) return
    const lane = actor as ActorTest<any, any, any, any, any, any>
    if (!wantsDispatch(lane.state)) return
    const views = [...this.instances.values()].flatMap(({ state }) => viewOf(state)?.doc ?? [])
    const { assign, isIdle } = plan(lane.state, views, this.now, this.#usage)
    if (!isIdle) lane.signal(assign)
  }

  get waiting(): ReadonlyArray<string> {
    return [...this.#queues].flatMap(([key, queue]) => (queue.length === 0 ? [] : [key]))
  }

  /** Delivers the first message of one queue; whether a told one has arrived may stay unknown to its sender. */
  deliver(key: string, isUnheard = false): void {
    const [letter, ...rest] = this.#queues.get(key)!
    const { message, to } = letter!
    const actor = (this.lanes.get(to) ?? this.instances.get(to)) as AnyActor | undefined
    const from = key.slice(0, key.indexOf(" > "))
    const sender = (this.lanes.get(from) ?? this.instances.get(from)) as AnyActor | undefined
    if (!isUnheard || message.told === undefined) this.#queues.set(key, rest)
    if (actor === undefined || message.told?.isWanted(sender?.state) === false) return void this.#queues.set(key, rest)
    this.#decided(actor, () => actor.message(message.tag, message.payload as never))
  }

  deliverAll(): void {
    for (let most = 10_000; this.waiting.length > 0; most--) {
      assert.isAbove(most, 0, "messages go round for ever")
      this.deliver(this.waiting[0]!)
    }
  }

  /** Once everything has arrived, what the lanes have started runs, also after moves. */
  checkRunning(): void {
    for (const [key, { state }] of this.lanes) {
      for (const { attempt, cancel, instanceId, task, voidAt } of HashMap.values(state.running)) {
        if (voidAt !== undefined) continue
        const runId = `${key.replaceAll("/", ":")}:${task.taskId}.${attempt}`
        const gateway = this.#gateways.get(`Instance/${instanceEntityId(placement, instanceId)}`)!
        assert.isTrue(cancel !== undefined || gateway.get(runId)?.isRunning, `${runId} does not run`)
      }
    }
  }

  /** Runs under way, by instance and run id. */
  get runs(): ReadonlyArray<{ readonly instance: string; readonly runId: string; readonly tenant: string }> {
    return [...this.#gateways].flatMap(([instance, gateway]) =>
      [...gateway].flatMap(([runId, { isRunning, run }]) =>
        isRunning ? [{ instance, runId, tenant: run.attempt.tenantId }] : []
      )
    )
  }

  /** The gateway ends a run. An instance that does not know of it yet learns it when it is told of the run. */
  end({ instance, runId }: { readonly instance: string; readonly runId: string }): void {
    this.#gateways.get(instance)!.get(runId)!.isRunning = false
    const run = this.#boards.get(instance)!.runs.get(runId)
    if (run !== undefined) this.#over(instance, run)
    this.check()
  }

  pass(millis: number): void {
    this.now += millis
    for (const actor of [...this.lanes.values(), ...this.instances.values()]) {
      this.#decided(actor, (one) => void one.pass(0))
    }
    for (const actor of this.lanes.values()) this.#giveUpVoid(actor)
  }

  /** As WatchAttempts.ts does. */
  #giveUpVoid(actor: AnyActor): void {
    const losses = { reasonOf: () => undefined, waitMillisOf: () => 18_000 }
    const found = stranded(actor.state, losses, this.now)
    if (found.length > 0) this.#decided(actor, (one) => one.signal(planGiveUp(actor.state, found, [], this.now)))
  }

  instanceOf(instance: string) {
    return this.instances.get(`Instance/${instanceEntityId(placement, InstanceId.make(instance))}`)!
  }

  drain(instance: string): void {
    this.#decided(this.instanceOf(instance), (one) => void one.command("Drain", { deadlineMillis: 600_000 }))
  }

  deregister(instance: string): void {
    this.#decided(this.instanceOf(instance), (one) => void one.command("Deregister", { force: true }))
  }

  /** The gateway of an instance that stops has stopped, and its board is closed. */
  stopped(instance: string): void {
    const actor = this.instanceOf(instance)
    const key = this.#keyOf(actor)
    for (const there of this.#gateways.get(key)!.values()) there.isRunning = false
    for (const run of [...this.#boards.get(key)!.runs.values()]) this.#over(key, run, BoardEnds.outcomeOfStopped)
    this.#boards.set(key, new RunBoard())
    this.#decided(actor, (one) => one.signal({ _tag: "Stopped", start: one.state.record.start }))
  }

  /** The instance is deregistered, waits for its slots in vain, stops, and is registered again. */
  reregister(instance: string): void {
    this.deregister(instance)
    const { deadlineAt, drain } = this.instanceOf(instance).state.record!
    if (drain === "aborting") this.pass(deadlineAt! - this.now)
    this.stopped(instance)
    this.register(instance)
  }

  register(instance: string): void {
    const actor = this.instanceOf(instance)
    this.#decided(actor, (one) => this.#warm(one))
  }

  /** Every lane gives up what it runs there, as when nothing is heard of the instance. */
  giveUp(instance: string): void {
    for (const actor of this.lanes.values()) {
      const attempts = HashMap.toValues(actor.state.running).flatMap(({ attempt, instanceId, task: { taskId } }) =>
        instanceId === instance ? [{ taskId, attempt, instanceId, reason: "nothing is heard of it" }] : []
      )
      if (attempts.length > 0) this.#decided(actor, (one) => one.signal({ _tag: "GiveUp", attempts }))
    }
  }

  /** The machine of the instance never comes back, and the fleet does not list the instance any more. */
  lose(instance: string): void {
    const instanceId = InstanceId.make(instance)
    const key = `Instance/${instanceEntityId(placement, instanceId)}`
    this.instances.delete(key)
    this.#gateways.set(key, new Map())
    this.#boards.set(key, new RunBoard())
    for (const queue of [...this.#queues.keys()]) if (queue.startsWith(`${key} > `)) this.#queues.delete(queue)
    this.giveUp(instance)
    for (const actor of this.lanes.values()) {
      this.#decided(actor, (one) => one.signal({ _tag: "SlotsVoid", instanceIds: [instanceId] }))
    }
  }

  /** Slots of this registration of the instance that are on their way. */
  #underWay(tag: string, from: string, to: string, registration: string | undefined): number {
    const queue = this.#queues.get(`${from} > ${to}`) ?? []
    return queue.reduce((sum, { message }) => {
      const payload = message.payload as { readonly count: number; readonly registration?: string }
      return message.tag === tag && payload.registration === registration ? sum + payload.count : sum
    }, 0)
  }

  #isRevoking(from: string, to: string): boolean {
    return this.#queues.get(`${from} > ${to}`)?.some(({ message }) => message.tag === "SlotsRevoked") === true
  }

  /** No instance gives away or runs more than its cap, and no slot is lost or made on the way. */
  check(): void {
    for (const [instance, { state }] of this.instances) {
      const id = state.record!.spec.instanceId
      assert.isAtMost(takenOf(state), this.cap, `${id} gives away more than its cap`)
      const running = this.runs.filter((run) => run.instance === instance)
      assert.isAtMost(running.length, this.cap, `the gateway of ${id} runs more than its cap`)
      for (const [lane, actor] of this.lanes) {
        if (this.#isRevoking(instance, lane)) continue
        const lease = leaseOf(actor.state.slots, id)
        const held = SlotBook.holderOf(state.slots, lane)?.held ?? 0
        const { registration } = state.record!
        const granted = lease?.registration === registration ? lease!.granted : 0
        const coming = this.#underWay("SlotsGranted", instance, lane, registration)
        const going = this.#underWay("SlotsReturned", lane, instance, registration)
        assert.strictEqual(held, granted + coming + going, `slots of ${lane} at ${id} do not add up`)
        const own = running.filter(({ runId }) => runId.startsWith(`${lane.replaceAll("/", ":")}:`))
        assert.isAtMost(own.length, held, `${lane} runs more at ${id} than it holds slots`)
        assert.isAtMost(lease?.spent ?? 0, lease?.granted ?? 0, `${lane} spends more than it holds at ${id}`)
      }
    }
  }
}
