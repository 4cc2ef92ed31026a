/**
 * A lane without a cluster: its pure core, a task table, instances that answer when told to, and readers whose reports
 * arrive late. It decides as the shell does and checks after each step what must hold at all times.
 */
import { assert } from "@effect/vitest"
import { HashMap, Schema } from "effect"
import type { Decision, Outgoing, RowWrite } from "../../../src/actor/Actor.ts"
import { plan } from "../../../src/entities/Lane/dispatch/DispatchPlan.ts"
import { evolve } from "../../../src/entities/Lane/LaneEvolve.ts"
import { activities, LaneActor, type LaneActivity } from "../../../src/entities/Lane/LaneActor.ts"
import type { LaneSignal } from "../../../src/entities/Lane/LaneSignal.ts"
import { initial, LaneState, runKeyOf, runningOf, statusOf } from "../../../src/entities/Lane/LaneState.ts"
import { comparePlaces, type Place } from "../../../src/entities/Lane/backlog/Rank.ts"
import { asOf, type FoundRow, isKnown } from "../../../src/entities/Lane/backlog/PageDecisions.ts"
import { OtherUsage } from "../../../src/entities/Lane/dispatch/OtherUsage.ts"
import type { TaskRow } from "../../../src/entities/Lane/backlog/TaskRow.ts"
import { timers } from "../../../src/entities/Lane/LaneTimers.ts"
import * as BacklogWindow from "../../../src/entities/Lane/backlog/BacklogWindow.ts"
import type { Attempt, AttemptOutcome } from "../../../src/schema/runs/Attempt.ts"
import { LaneEvent } from "../../../src/schema/events/LaneEvents.ts"
import { type InstanceId, LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import { terminalPhases, type TaskSpec } from "../../../src/schema/Task.ts"
import type { TaskEnd } from "../../../src/rpc/TaskEnded.ts"

export const tenantId = TenantId.make("acme")
export const lane = LaneName.make("main")
export const entityId = "acme/main"

export const taskSpec = (taskId: string, overrides: Partial<TaskSpec> = {}): TaskSpec => ({
  taskId: TaskId.make(taskId),
  tenantId,
  lane,
  payload: { message: "do it" },
  priority: "normal",
  hints: {},
  retry: { maxAttempts: 3, backoffMillis: 100, maxBackoffMillis: 1_000 },
  timeoutMillis: 5_000,
  idIsNew: true,
  ...overrides
})

const encodeEvent = Schema.encodeUnknownSync(Schema.toCodecJson(LaneEvent) as Schema.Codec<LaneEvent, unknown>)
const decodeEvent = Schema.decodeUnknownSync(Schema.toCodecJson(LaneEvent) as Schema.Codec<LaneEvent, unknown>)
const stateCodec = Schema.toCodecJson(LaneState) as unknown as Schema.Codec<LaneState, unknown>
export const encodeState = Schema.encodeUnknownSync(stateCodec)
const decodeState = Schema.decodeUnknownSync(stateCodec)

/** A map has no order worth keeping. */
const comparable = (state: LaneState) => {
  const text = JSON.stringify(encodeState(state), (_, value) =>
    Array.isArray(value) && value.every((entry) => Array.isArray(entry))
      ? value.toSorted((left, right) => (String(left[0]) < String(right[0]) ? -1 : 1))
      : value
  )
  return JSON.parse(text) as unknown
}

interface Report {
  readonly key: string
  readonly signal: LaneSignal
}

export class LaneWorld {
  state: LaneState = initial(entityId)
  now = 1_000_000
  fleet: ReadonlyArray<InstanceStatus>
  readonly rows = new Map<string, TaskRow>()
  readonly journal: Array<unknown> = []
  readonly events: Array<LaneEvent> = []
  /** Attempts sent to instances and not answered yet. */
  readonly attempts = new Map<string, { readonly attempt: Attempt; readonly instanceId: InstanceId }>()
  readonly answered: Array<{
    readonly runKey: string
    readonly instanceId: InstanceId
    readonly outcome: AttemptOutcome
  }> = []
  readonly aborts: Array<string> = []
  readonly redirected: Array<Outgoing> = []
  /** What sessions were asked and told. */
  readonly toSessions: Array<{ readonly tag: string; readonly payload: unknown }> = []
  /** What the receivers of tasks were told. */
  readonly told: Array<TaskEnd> = []
  reports: Array<Report> = []
  phantoms = 0
  /** New tasks carry much text, so that a few fill a window. */
  isHeavy = false
  readonly pageMax: number
  #requests = 0
  readonly #sightings = new OtherUsage()
  readonly #refused = new Set<string>()
  readonly #sent = new Set<string>()

  constructor(fleet: ReadonlyArray<InstanceStatus>, pageMax = 256) {
    this.fleet = fleet
    this.pageMax = pageMax
  }

  context() {
    return { entityId, now: this.now, requestId: `r${this.#requests++}`, epoch: 1, seq: this.journal.length + 1 }
  }

  apply<A, E>(decision: Decision<LaneEvent, A, E>): A | E {
    for (const event of decision.events) {
      this.events.push(event)
      this.journal.push(encodeEvent(event))
      if (event._tag === "task.started") {
        assert.isBelow(HashMap.size(this.state.running), this.state.config.concurrency, "started beyond concurrency")
        assert.isFalse(this.state.config.paused, "started while paused")
      }
      const next = evolve(this.state, event)
      if (event._tag === "task.started") {
        assert.isDefined(runningOf(next, event.taskId), `${event.taskId} was started and forgotten`)
      }
      for (const row of LaneActor.rows!(event, this.state, next)) this.#write(row)
      for (const message of LaneActor.sends!(event, this.state, next)) this.#deliver(message)
      this.state = next
    }
    for (const message of decision.send) this.#deliver(message)
    const wanted = new Set(activities(this.state).map(({ key }) => key))
    this.reports = this.reports.filter(({ key }) => wanted.has(key))
    return decision.answer._tag === "Success" ? decision.answer.value : decision.answer.error
  }

  #write({ op, row }: RowWrite): void {
    const id = row["task_id"] as string
    const before = this.rows.get(id)
    if (op === "insert") {
      if (before === undefined) this.rows.set(id, row as unknown as TaskRow)
      else this.phantoms++
      return
    }
    assert.isDefined(before, `an update of ${id}, which has no row`)
    const phase = row["phase"] as string
    if (terminalPhases.has(before!.phase)) {
      assert.isTrue(
        before!.phase === "dead_lettered" && phase === "pending",
        `${id} went from ${before!.phase} to ${phase}`
      )
    }
    this.rows.set(id, { ...before!, ...row } as TaskRow)
  }

  #deliver({ encode, entityType, payload, tag, ...message }: Outgoing): void {
    encode(payload)
    if (tag === "TaskEnded") return void this.told.push(payload as TaskEnd)
    if (entityType === "Session") return void this.toSessions.push({ tag, payload })
    if (entityType === "Lane") {
      this.redirected.push({ encode, entityType, payload, tag, ...message })
      return
    }
    const instanceId = message.entityId.slice(message.entityId.indexOf("/") + 1) as InstanceId
    if (tag === "AbortAttempt") {
      this.aborts.push((payload as { runKey: string }).runKey)
      return
    }
    const { attempt } = payload as { attempt: Attempt }
    assert.isTrue(
      !this.#sent.has(attempt.runKey) || this.#refused.has(attempt.runKey),
      `${attempt.runKey} was sent twice`
    )
    this.#sent.add(attempt.runKey)
    this.#refused.delete(attempt.runKey)
    this.attempts.set(attempt.runKey, { attempt, instanceId })
  }

  // Commands

  submit(...tasks: [TaskSpec, ...Array<TaskSpec>]) {
    return this.apply(LaneActor.commands.Submit(this.state, { tasks }, this.context()))
  }
  cancel(taskId: string) {
    return this.apply(LaneActor.commands.Cancel(this.state, { taskId: TaskId.make(taskId) }, this.context()))
  }
  cancelTasks(...taskIds: ReadonlyArray<string>) {
    const ids = taskIds.map((taskId) => TaskId.make(taskId))
    return this.apply(LaneActor.commands.CancelTasks(this.state, { taskIds: ids }, this.context()))
  }
  cancelWhere(phases: ReadonlyArray<TaskRow["phase"]>, limit: number) {
    return this.apply(LaneActor.commands.CancelWhere(this.state, { phases, limit }, this.context()))
  }
  replay(...taskIds: ReadonlyArray<string>) {
    const ids = taskIds.map((taskId) => TaskId.make(taskId))
    return this.apply(LaneActor.commands.Replay(this.state, { taskIds: ids }, this.context()))
  }
  configure(config: Partial<LaneState["config"]>) {
    const next = { ...this.state.config, ...config }
    return this.apply(LaneActor.commands.Configure(this.state, { config: next }, this.context()))
  }
  explain(taskId: string) {
    return this.apply(LaneActor.commands.Explain(this.state, { taskId: TaskId.make(taskId) }, this.context())) as {
      readonly waitingFor?: string
      readonly instanceId?: string
    }
  }
  tell(signal: LaneSignal) {
    this.apply(LaneActor.signal!(this.state, signal, this.context()))
  }

  // Instances

  end(runKey: string, outcome: AttemptOutcome): void {
    const sent = this.attempts.get(runKey)
    assert.isDefined(sent, `no attempt ${runKey} was sent`)
    this.attempts.delete(runKey)
    const payload = { runKey, instanceId: sent!.instanceId, outcome }
    this.answered.push(payload)
    this.apply(LaneActor.commands.AttemptEnded(this.state, payload, this.context()))
  }
  endAgain(index: number): void {
    const payload = this.answered[index % Math.max(1, this.answered.length)]
    if (payload !== undefined) this.apply(LaneActor.commands.AttemptEnded(this.state, payload, this.context()))
  }
  refuse(runKey: string, retryAfterMillis = 100, atFault = false): void {
    const sent = this.attempts.get(runKey)!
    this.attempts.delete(runKey)
    this.#refused.add(runKey)
    const fault = atFault ? { atFault } : {}
    const payload = { runKey, instanceId: sent.instanceId, reason: "full", retryAfterMillis, ...fault }
    this.apply(LaneActor.commands.AttemptRefused(this.state, payload, this.context()))
  }

  // Activities

  get wanted(): ReadonlyArray<LaneActivity> {
    return activities(this.state)
  }

  /** An activity reads what it has to report; `arrive` delivers it. */
  read(activity: LaneActivity): void {
    if (this.reports.some(({ key }) => key === activity.key)) return
    const signal = this.#signal(activity)
    if (signal !== undefined) this.reports.push({ key: activity.key, signal })
  }

  arrive(index: number): void {
    const [report] = this.reports.splice(index % Math.max(1, this.reports.length), 1)
    if (report !== undefined) this.tell(report.signal)
  }

  #page(phases: ReadonlyArray<string>, orderOf: (row: TaskRow) => number, horizon: Place | null) {
    const placeOf = (row: TaskRow): Place => ({ order: orderOf(row), taskId: row.task_id })
    return [...this.rows.values()]
      .filter((row) => phases.includes(row.phase) && (horizon === null || comparePlaces(placeOf(row), horizon) > 0))
      .sort((left, right) => comparePlaces(placeOf(left), placeOf(right)))
      .slice(0, this.pageMax)
  }

  #entry(row: TaskRow) {
    return {
      task: row.spec,
      rank: row.rank,
      attempt: row.attempt,
      maxAttempts: row.max_attempts,
      submittedAt: row.submitted_at,
      ...(row.tried === null ? {} : { tried: row.tried })
    }
  }

  #found(taskIds: ReadonlyArray<string>): ReadonlyArray<FoundRow> {
    return taskIds.flatMap((taskId) => {
      const row = this.rows.get(taskId)
      if (row === undefined) return []
      return [
        {
          ...this.#entry(row),
          phase: row.phase,
          ...(row.not_before === null ? {} : { notBefore: row.not_before }),
          ...(row.ended_at === null ? {} : { endedAt: row.ended_at })
        }
      ]
    })
  }

  #signal({ _tag }: LaneActivity): LaneSignal | undefined {
    const { dead, lookups, pending, scheduled, sweep } = this.state
    switch (_tag) {
      case "Dispatch": {
        const { assign, isIdle } = plan(this.state, this.fleet, this.now, this.#sightings)
        return isIdle ? undefined : assign
      }
      case "RefillPending": {
        const rows = this.#page(["pending"], ({ rank }) => rank, pending.horizon)
        const entries = rows.map((row) => this.#entry(row))
        return { _tag: "Page", window: "pending", seq: pending.refill!.seq, entries, end: rows.length < this.pageMax }
      }
      case "RefillScheduled": {
        const rows = this.#page(["scheduled", "retrying"], (row) => row.not_before!, scheduled.horizon)
        const entries = rows.map((row) => ({ ...this.#entry(row), notBefore: row.not_before! }))
        return {
          _tag: "Page",
          window: "scheduled",
          seq: scheduled.refill!.seq,
          entries,
          end: rows.length < this.pageMax
        }
      }
      case "RefillDead": {
        const rows = this.#page(["dead_lettered"], (row) => row.ended_at!, dead.horizon)
        const entries = rows.map((row) => ({
          taskId: TaskId.make(row.task_id),
          priority: row.spec.priority,
          attempt: row.attempt,
          budget: row.spec.retry.maxAttempts,
          endedAt: row.ended_at!
        }))
        return { _tag: "DeadPage", seq: dead.refill!.seq, entries, end: rows.length < this.pageMax }
      }
      case "LookUp": {
        const asked = lookups.map(({ taskId }) => taskId).filter((taskId) => !isKnown(this.state, taskId))
        return { _tag: "Found", asOf: asOf(this.state), asked, rows: this.#found(asked), givenUp: [] }
      }
      case "Sweep": {
        const waiting = [...this.rows.values()]
          .filter((row) => row.deadline_at !== null && ["pending", "scheduled", "retrying"].includes(row.phase))
          .sort((left, right) => left.deadline_at! - right.deadline_at!)
        const past = waiting.filter((row) => row.deadline_at! <= this.now)
        const due = past.filter((row) => !isKnown(this.state, TaskId.make(row.task_id)))
        const next = due.length < past.length ? this.now : (waiting[past.length]?.deadline_at ?? null)
        const rows = this.#found(due.map((row) => row.task_id))
        return { _tag: "Overdue", asOf: asOf(this.state), sweep, rows, next }
      }
    }
  }

  /** Runs time forward and the timers that are due by then, each at its time. */
  advance(millis: number): void {
    const end = this.now + millis
    for (let turn = 0; turn < 1_000; turn++) {
      const due = timers(this.state)
        .filter(({ at }) => at <= end)
        .sort((left, right) => left.at - right.at)[0]
      if (due === undefined) break
      this.now = Math.max(this.now, due.at)
      const decision = LaneActor.onTimer!(this.state, due.key, this.context())
      assert.isAbove(decision.events.length, 0, `timer ${due.key} fired for nothing and would fire for ever`)
      this.apply(decision)
      assert.isBelow(turn, 999, "timers fire without end")
    }
    this.now = end
  }

  /** Lets activities do all they want to, until nothing is left to do. */
  settle(): void {
    for (let turn = 0; turn < 5_000; turn++) {
      for (const activity of this.wanted) this.read(activity)
      if (this.reports.length === 0) return
      this.arrive(0)
    }
    assert.fail("the lane never comes to rest")
  }

  // Checks

  check(): void {
    const { dead, deadline, pending, running, scheduled, sweep, watch } = this.state
    const count = (...phases: ReadonlyArray<string>) =>
      [...this.rows.values()].filter(({ phase }) => phases.includes(phase)).length
    const status = statusOf(this.state)
    assert.strictEqual(status.running, count("running"), "running counted otherwise than in the rows")
    assert.strictEqual(status.completed, count("completed"))
    assert.strictEqual(status.failed, count("failed"))
    assert.strictEqual(status.cancelled, count("cancelled"))
    assert.strictEqual(status.deadLettered, count("dead_lettered"))
    assert.isAtLeast(status.pending, count("pending"))
    assert.isAtLeast(status.scheduled, count("scheduled", "retrying"))
    if (this.phantoms === 0) {
      assert.strictEqual(status.pending, count("pending"))
      assert.strictEqual(status.scheduled, count("scheduled", "retrying"))
    }
    for (const task of HashMap.values(running)) {
      const row = this.rows.get(task.task.taskId)!
      assert.strictEqual(row.phase, "running")
      assert.strictEqual(`${row.task_id}.${row.attempt}`, runKeyOf(task))
      assert.isNotNull(watch)
      assert.isAtMost(watch!, task.until, "a running attempt has no timer")
    }
    for (const { rank, task } of pending.entries) {
      assert.strictEqual(this.rows.get(task.taskId)?.phase, "pending", `${task.taskId} is held as pending`)
      assert.strictEqual(this.rows.get(task.taskId)?.rank, rank)
    }
    for (const { notBefore, task } of scheduled.entries) {
      assert.include(["scheduled", "retrying"], this.rows.get(task.taskId)?.phase)
      assert.strictEqual(this.rows.get(task.taskId)?.not_before, notBefore)
    }
    for (const { task, tried } of [...pending.entries, ...scheduled.entries, ...HashMap.values(running)]) {
      assert.deepStrictEqual(this.rows.get(task.taskId)!.tried ?? undefined, tried, "the row forgets where it failed")
    }
    if (BacklogWindow.size(scheduled) > 0) {
      const hasTimer = timers(this.state).some(({ key }) => key === "promote")
      assert.isTrue(hasTimer || scheduled.refill !== null, "scheduled tasks have no timer")
    }
    for (const row of this.rows.values()) {
      assert.isAtMost(row.attempt, row.max_attempts, "more attempts than the budget")
      const isWaiting = ["pending", "scheduled", "retrying"].includes(row.phase)
      if (!isWaiting || row.deadline_at === null) continue
      const isWatched = (deadline !== null && deadline <= Math.max(row.deadline_at, this.now)) || sweep % 2 === 1
      assert.isTrue(isWatched, `nothing ends ${row.task_id} at its deadline`)
    }
    for (const [name, window] of Object.entries({ pending, scheduled, dead })) {
      if (window.entries.length === 0 && window.tail > 0) assert.isNotNull(window.refill, `${name} rows wait unread`)
    }
  }

  checkFold(): void {
    let state = initial(entityId)
    for (const event of this.journal) state = evolve(state, decodeEvent(event))
    assert.deepStrictEqual(comparable(state), comparable(this.state), "the state is not the fold of its events")
    const restored = decodeState(JSON.parse(JSON.stringify(encodeState(this.state))))
    assert.deepStrictEqual(comparable(restored), comparable(this.state), "a snapshot loses something")
  }

  /** Everything that was accepted ends. */
  finish(): void {
    this.configure({ paused: false, concurrency: 4 })
    for (let turn = 0; turn < 3_000; turn++) {
      this.settle()
      for (const runKey of [...this.attempts.keys()]) {
        this.end(runKey, { _tag: "completed", result: { text: "done", durationMillis: 1 } })
      }
      const isDone = [...this.rows.values()].every(({ phase }) => terminalPhases.has(phase))
      if (isDone) break
      this.advance(500)
      this.check()
    }
    for (const row of this.rows.values())
      assert.isTrue(terminalPhases.has(row.phase), `${row.task_id} stays ${row.phase}`)
    this.settle()
    this.check()
    assert.strictEqual(
      BacklogWindow.size(this.state.pending) + BacklogWindow.size(this.state.scheduled),
      0,
      "the counts never came to nothing"
    )
  }
}
