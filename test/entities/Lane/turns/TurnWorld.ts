/**
 * Two lanes and a session without a cluster: their pure cores, and instances that begin what they are sent. Messages of
 * one sender to one receiver stay in order and arrive once, each after as long as it likes.
 */
import { assert } from "@effect/vitest"
import { HashMap } from "effect"
import type { Outgoing } from "../../../../src/actor/Actor.ts"
import { LaneActor } from "../../../../src/entities/Lane/LaneActor.ts"
import { wantsDispatch } from "../../../../src/entities/Lane/LaneState.ts"
import { plan } from "../../../../src/entities/Lane/dispatch/DispatchPlan.ts"
import { OtherUsage } from "../../../../src/entities/Lane/dispatch/OtherUsage.ts"
import { SessionActor } from "../../../../src/entities/Session/SessionActor.ts"
import type { Attempt, AttemptOutcome } from "../../../../src/schema/runs/Attempt.ts"
import { InstanceId, LaneName, Placement, SessionId, TaskId, TenantId } from "../../../../src/schema/Ids.ts"
import type { TaskSpec } from "../../../../src/schema/Task.ts"
import { ActorTest } from "../../../../src/testing/ActorTest.ts"

type AnyActor = ActorTest<any, any, any, any, any, any>

export const completed: AttemptOutcome = { _tag: "completed", result: { text: "done", durationMillis: 1 } }

const refOf = ({ entityId, entityType }: { readonly entityType: string; readonly entityId: string }) =>
  `${entityType}/${entityId}`

interface Begun {
  readonly attempt: Attempt
  readonly instanceId: InstanceId
}

export class TurnWorld {
  now = 1_000_000
  readonly session = new ActorTest(SessionActor, "acme/talk")
  readonly lanes = ["main", "cron"].map((lane) => new ActorTest(LaneActor, `acme/${lane}`))
  /** Attempts that run, by origin and run key. */
  readonly runs = new Map<string, Begun>()
  /** Turns and tasks in the order in which they began. */
  readonly order: Array<string> = []
  readonly #queues = new Map<string, Array<Outgoing>>()
  readonly #sent = new Map<AnyActor, number>()
  readonly #usage = new OtherUsage()
  #tasks = 0
  #turns = 0

  get #actors(): ReadonlyMap<string, AnyActor> {
    return new Map<string, AnyActor>([
      ["Session/acme/talk", this.session as AnyActor],
      ...this.lanes.map((lane) => [`Lane/acme/${lane.state.lane}`, lane as AnyActor] as const)
    ])
  }

  /** Lets the actor decide and start what it can, and posts what it sends. */
  decided(actor: AnyActor, decide: () => void): void {
    actor.now = this.now
    decide()
    if (actor !== (this.session as AnyActor) && wantsDispatch(actor.state)) {
      const { assign, isIdle } = plan(actor.state, [], this.now, this.#usage)
      if (!isIdle) actor.signal(assign)
    }
    const [from] = [...this.#actors].find(([, one]) => one === actor)!
    for (const message of actor.sent.slice(this.#sent.get(actor) ?? 0)) this.#post(from, message)
    this.#sent.set(actor, actor.sent.length)
    this.check()
  }

  #post(from: string, message: Outgoing): void {
    const key = `${from} > ${refOf(message)}`
    this.#queues.set(key, [...(this.#queues.get(key) ?? []), message])
  }

  submit(lane = 0, overrides: Partial<TaskSpec> = {}): string {
    const actor = this.lanes[lane]!
    const task: TaskSpec = {
      taskId: TaskId.make(`task${this.#tasks++}`),
      tenantId: TenantId.make("acme"),
      lane: LaneName.make(actor.state.lane),
      sessionId: SessionId.make("talk"),
      payload: { message: "do it" },
      priority: "normal",
      hints: {},
      retry: { maxAttempts: 3, backoffMillis: 100, maxBackoffMillis: 1_000 },
      timeoutMillis: 60_000,
      idIsNew: true,
      ...overrides
    }
    this.decided(actor as AnyActor, () => void actor.command("Submit", { tasks: [task] }))
    return task.taskId
  }

  send(): string {
    const turnId = `turn${this.#turns++}`
    this.command(this.session as AnyActor, "TurnSend", { turnId, message: "hello", timeoutMillis: 60_000 })
    return turnId
  }

  command(actor: AnyActor, tag: string, payload: unknown): void {
    this.decided(actor, () => void actor.command(tag as never, payload as never))
  }

  /** The session finds its instance, when it looks for one. */
  place(instance = "i1"): void {
    const [activity] = this.session.activities
    if (activity?._tag !== "Place") return
    const place = { instanceId: InstanceId.make(instance), placement: Placement.make("default"), because: "test" }
    this.decided(
      this.session as AnyActor,
      () => void this.session.signal({ _tag: "Placed", placement: activity.key, place })
    )
  }

  get waiting(): ReadonlyArray<string> {
    return [...this.#queues].flatMap(([key, queue]) => (queue.length === 0 ? [] : [key]))
  }

  deliver(key: string): void {
    const [message, ...rest] = this.#queues.get(key)!
    this.#queues.set(key, rest)
    const { entityId, entityType, payload, tag } = message!
    if (entityType !== "Instance") {
      const actor = this.#actors.get(refOf(message!))!
      return this.decided(actor, () => actor.message(tag as never, payload as never))
    }
    const instanceId = InstanceId.make(entityId.slice(entityId.indexOf("/") + 1))
    if (tag === "Execute") {
      const { attempt } = payload as { readonly attempt: Attempt }
      const runId = `${refOf(attempt.origin)}#${attempt.runKey}`
      assert.isFalse(this.runs.has(runId), `${runId} was sent twice`)
      this.runs.set(runId, { attempt, instanceId })
      this.order.push(attempt.taskId ?? attempt.turnId!)
    } else if (tag === "AbortAttempt") {
      const { origin, runKey } = payload as Pick<Attempt, "origin" | "runKey">
      this.end(`${refOf(origin)}#${runKey}`, { _tag: "aborted" })
    }
  }

  /** The instance says how a run ended; what does not run is ignored. */
  end(runId: string, outcome: AttemptOutcome = completed): void {
    const run = this.runs.get(runId)
    if (run === undefined) return
    this.runs.delete(runId)
    this.#report(run, "AttemptEnded", { outcome })
  }

  refuse(runId: string): void {
    const run = this.runs.get(runId)
    if (run === undefined) return
    this.runs.delete(runId)
    this.#report(run, "AttemptRefused", { reason: "full", retryAfterMillis: 100 })
  }

  #report({ attempt, instanceId }: Begun, tag: string, more: object): void {
    const message = {
      ...attempt.origin,
      tag,
      payload: { runKey: attempt.runKey, instanceId, ...more },
      encode: () => ({})
    }
    this.#post(`Instance/default/${instanceId}`, message)
  }

  pass(millis: number): void {
    this.now += millis
    for (const actor of this.#actors.values()) {
      this.decided(actor, () => {
        actor.now -= millis
        assert.isTrue(actor.pass(millis), "a timer that is due takes effect")
      })
    }
  }

  deliverAll(): void {
    for (let most = 10_000; this.waiting.length > 0; most--) {
      assert.isAbove(most, 0, "messages go round for ever")
      this.deliver(this.waiting[0]!)
      this.place()
    }
    this.place()
  }

  /** What has the session now, as its owners have committed it. */
  get owners(): ReadonlyArray<string> {
    const { head } = this.session.state
    const own = head?.turn.lane === undefined && (head?.step === "sent" || head?.step === "aborting")
    return [
      ...(own ? [head.turn.turnId] : []),
      ...this.lanes.flatMap(({ state }) =>
        HashMap.toValues(state.running).flatMap(({ task }) => (task.sessionId === undefined ? [] : [task.taskId]))
      )
    ]
  }

  check(): void {
    const { owners } = this
    assert.isAtMost(owners.length, 1, `${owners.join(" and ")} run in one session`)
    const owned = [...this.runs.values()].filter(({ attempt }) => owners.includes(attempt.taskId ?? attempt.turnId!))
    assert.isAtMost(owned.length, 1, "two runs of one session that were not given up")
  }

  /** Lets everything arrive and everything end, until nothing is left to do. */
  finish(): void {
    for (let turn = 0; turn < 2_000; turn++) {
      this.deliverAll()
      for (const runId of [...this.runs.keys()]) this.end(runId)
      this.deliverAll()
      const { head, queue } = this.session.state
      const isQuiet = this.lanes.every(
        ({ state }) =>
          state.pending.entries.length + state.scheduled.entries.length === 0 && HashMap.isEmpty(state.running)
      )
      if (isQuiet && head === undefined && queue.length === 0 && this.waiting.length === 0) return
      this.pass(1_000)
    }
    assert.fail(
      `not all ended: ${JSON.stringify({ head: this.session.state.head, lanes: this.lanes.map(({ state }) => [...state.turns]) })}`
    )
  }
}
