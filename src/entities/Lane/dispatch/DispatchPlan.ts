/**
 * Makes one dispatch plan: goes through the head of the backlog in order, asks the router for each task, and counts the
 * starts it has planned so that a batch does not overfill an instance. Pure; the lane decides on the plan
 * (StartTasks.ts), the instance on each attempt.
 *
 * The usage of an instance is this lane's own, which is exact, plus the usage by others (OtherUsage.ts), which is an
 * estimate. When the estimate was too low the instance refuses, the attempt is requeued without being counted, and the
 * instance is not tried for as long as it asked.
 *
 * A task that names a session is not routed: the lane asks for a turn of the session, which knows its instance.
 *
 * Tasks with the same requirements are filtered alike, so one task that finds no instance answers for the other such
 * tasks of the plan. A task for which it matters where it runs, as after a failed attempt, rather waits a moment for a
 * slot there than starts on one that the lane has elsewhere.
 */
import { HashMap } from "effect"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import type { SessionId, TaskId } from "../../../schema/Ids.ts"
import type { Wait, WaitingTask } from "../../../schema/events/LaneEvents.ts"
import { layers } from "../../../schema/Layers.ts"
import * as Candidate from "../../routing/Candidate.ts"
import { rejectedBy } from "../../routing/Filter.ts"
import { route, type Routed } from "../../routing/Router.ts"
import type { Assign, Pick } from "./StartTasks.ts"
import { type LaneState, pendingOps, startsAllowed } from "../LaneState.ts"
import { shareOf } from "./InstanceUsage.ts"
import type { OtherUsage } from "./OtherUsage.ts"
import { requestOf, wishOf } from "./RouteRequests.ts"
import { asksOf } from "./SlotAsks.ts"
import { freeOf, leaseOf, type SlotLease } from "../slots/SlotLease.ts"
import { turnReason, TurnAsks } from "../turns/TurnAsks.ts"
import { askedCount } from "../turns/TurnLease.ts"

/** Maximum starts in one commit. */
const picksMax = 512
/** Maximum tasks named per reason for waiting, and maximum reasons. */
const namedMax = 16
const reasonsMax = 8

interface Stuck {
  readonly reason: string
  readonly taskIds: Array<TaskId>
}

export interface Plan {
  readonly assign: Assign
  /** The plan changes nothing: it has no picks, and the lane already has its reasons for waiting. */
  readonly isIdle: boolean
  /** Unix milliseconds at which to plan again even when nothing has happened. */
  readonly again: number
}

const candidateOf = (
  state: LaneState,
  status: InstanceStatus,
  now: number,
  otherUsage: OtherUsage
): Candidate.Candidate => {
  const share = shareOf(state.shares, status.instanceId)
  const busyUntil = share?.busyUntil ?? 0
  if (status.grantsSlots === true) {
    const lease = leaseOf(state.slots, status.instanceId)
    const running = Math.max(status.load.runningTasks, lease?.spent ?? 0)
    const free = lease === undefined ? 0 : freeOf(lease)
    return Candidate.make(status, { running, free, mayAsk: mayAsk(status, lease, now), busyUntil })
  }
  const others = otherUsage.othersOn(status, `${state.tenantId}/${state.lane}`, share, now)
  return Candidate.make(status, { running: others + (share?.running ?? 0), busyUntil })
}

/**
 * Milliseconds for which a slot that was asked for is waited for, where the work could start elsewhere: less than those
 * after which a slot at hand goes back unused (SlotDecisions.ts).
 */
const patience = 500

const mayAsk = ({ load, maxConcurrentTasks }: InstanceStatus, lease: SlotLease | undefined, now: number): boolean =>
  load.runningTasks < maxConcurrentTasks &&
  (lease === undefined || lease.want <= lease.granted || now - lease.askedAt < patience)

/** Looks for an instance for each task of the backlog's head, and notes what becomes of it. */
class Choosing {
  readonly picks: Array<Pick> = []
  /** Starts by instance. */
  readonly picked = new Map<string, number>()
  /** Tasks that found no free slot, in order. */
  readonly unplaced: Array<WaitingTask> = []
  readonly #stuck = new Map<string, Stuck>()
  /** Tasks that wait for a slot of an instance where they belong, by instance, and how many. */
  readonly #slotsAwaited = new Map<string, Stuck>()
  awaiting = 0
  readonly turnAsks: TurnAsks
  readonly #state: LaneState
  readonly #candidates: ReadonlyArray<Candidate.Candidate>
  readonly #now: number
  /** A slot is at hand where runs fail: a start may wait for one elsewhere. */
  readonly #shunsSome: boolean

  /** `free`: starts that the lane may still make. */
  constructor(state: LaneState, candidates: ReadonlyArray<Candidate.Candidate>, free: number, now: number) {
    this.turnAsks = new TurnAsks(state, free)
    this.#state = state
    this.#candidates = candidates
    this.#now = now
    this.#shunsSome = candidates.some((one) => (one.free ?? 0) > 0 && Candidate.isFailing(one, now))
  }

  /** Starts that the plan makes, or asks for where it cannot do without. */
  get taken(): number {
    return this.picks.length + this.awaiting + this.turnAsks.size
  }

  look(entry: WaitingTask): void {
    const { task } = entry
    if ((task.deadlineAt ?? Infinity) <= this.#now) return
    if (task.sessionId !== undefined) return this.#askForTurn(task.sessionId, entry)
    const wish = wishOf(task)
    const known = this.#stuck.get(wish)
    if (known !== undefined) return this.#leave(entry, known)
    const request = requestOf(this.#state, entry)
    const decision = route(this.#shunsSome ? { ...request, mayWait: true } : request, this.#candidates, this.#now)
    if (decision._tag === "Unroutable") {
      const stuck = { reason: decision.reason, taskIds: [] }
      this.#stuck.set(wish, stuck)
      return this.#leave(entry, stuck)
    }
    const { free } = decision.candidate
    if (free !== undefined && free <= 0) return this.#await(entry, decision.instanceId)
    this.#pick(task.taskId, decision)
  }

  get waits(): ReadonlyArray<Stuck> {
    return [...this.#stuck.values(), ...this.#slotsAwaited.values()].slice(0, reasonsMax)
  }

  #leave(entry: WaitingTask, { taskIds }: Stuck): void {
    this.unplaced.push(entry)
    if (taskIds.length < namedMax) taskIds.push(entry.task.taskId)
  }

  #askForTurn(sessionId: SessionId, entry: WaitingTask): void {
    this.turnAsks.add(sessionId, entry)
    const stuck = this.#stuck.get(turnReason) ?? { reason: turnReason, taskIds: [] }
    this.#stuck.set(turnReason, stuck)
    if (stuck.taskIds.length < namedMax) stuck.taskIds.push(entry.task.taskId)
  }

  #await(entry: WaitingTask, instanceId: string): void {
    const reason = `a slot of ${instanceId} is asked for, where it belongs`
    const known = this.#slotsAwaited.get(instanceId) ?? { reason, taskIds: [] }
    this.#slotsAwaited.set(instanceId, known)
    this.awaiting++
    this.#leave(entry, known)
  }

  #pick(taskId: TaskId, { backup, because, candidate, instanceId, placement }: Routed): void {
    const onSlot = candidate.free !== undefined
    candidate.running++
    if (candidate.free !== undefined) candidate.free--
    this.picked.set(instanceId, (this.picked.get(instanceId) ?? 0) + 1)
    const more = { ...(backup === undefined ? {} : { backup }), ...(onSlot ? { onSlot } : {}) }
    this.picks.push({ taskId, instanceId, placement, because, ...more })
  }
}

/** Why nothing starts in a lane that runs as many tasks as its tenant lets it. */
const tenantsCap = ({ pending, tenantId }: LaneState, most: number): Wait => ({
  layer: layers.tenant(tenantId),
  reason:
    most === 0 ? `tenant ${tenantId} to be resumed` : `a start: tenant ${tenantId} lets a lane run ${most} at once`,
  taskIds: pending.entries.slice(0, namedMax).map(({ task }) => task.taskId)
})

/**
 * `tenantsMost`: how many of the lane's tasks its tenant lets run at once. `mayAskTurns`: whether every runner knows
 * the asks for turns of sessions.
 */
export const plan = (
  state: LaneState,
  snapshot: ReadonlyArray<InstanceStatus>,
  now: number,
  otherUsage: OtherUsage,
  tenantsMost = Infinity,
  mayAskTurns = true
): Plan => {
  const { config, pending, running } = state
  const allowed = startsAllowed(state, now)
  const free = Math.min(config.concurrency, tenantsMost) - HashMap.size(running)
  const limit = Math.min(free - askedCount(state.turns), allowed, picksMax)
  const candidates = snapshot.map((status) => candidateOf(state, status, now, otherUsage))
  const choosing = new Choosing(state, candidates, mayAskTurns ? free : 0, now)
  const { picked, picks, turnAsks, unplaced } = choosing
  let looked = 0
  for (const entry of pending.entries) {
    if (choosing.taken >= limit) break
    looked++
    choosing.look(entry)
  }
  const isCapped = free <= 0 && tenantsMost < config.concurrency
  const waits = isCapped ? [tenantsCap(state, tenantsMost)] : choosing.waits
  const isThrough = looked === pending.entries.length && waits.length > 0
  const skip = isThrough && picks.length === 0 && pendingOps.maySkip(pending) && takesAny(state, candidates, now)
  const parked = isThrough || isCapped ? { waits, skip } : undefined
  const asks = asksOf({ state, snapshot, unplaced, most: limit - picks.length - turnAsks.size, picked, now })
  const isNothing = picks.length === 0 && asks.length === 0 && turnAsks.size === 0
  const isUnchanged = parked === undefined || sameWaits(state.parked, waits)
  return {
    assign: { _tag: "Assign", picks, asks, turnAsks: turnAsks.all, parked },
    isIdle: isNothing && !skip && isUnchanged,
    again: Math.min(againAt(state, now, allowed), choosing.awaiting > 0 ? now + patience : Infinity)
  }
}

/**
 * Whether a task without requirements could start. If not, no task further back can start either, and looking for one
 * would only cost.
 */
const takesAny = ({ tenantId }: LaneState, candidates: ReadonlyArray<Candidate.Candidate>, now: number): boolean =>
  candidates.some((candidate) => rejectedBy({ tenantId, key: "", hints: {} }, candidate, now) < 0)

const sameWaits = (known: LaneState["parked"], waits: ReadonlyArray<{ readonly reason: string }>): boolean =>
  known !== null && known.length === waits.length && known.every(({ reason }, index) => reason === waits[index]!.reason)

/**
 * Unix milliseconds at which a busy instance may be retried, or the rate allows the next start; `Infinity` when the
 * lane waits for neither.
 */
const againAt = (state: LaneState, now: number, allowed: number): number => {
  const rate = state.config.ratePerSecond
  if (rate !== undefined && allowed < 1) {
    const { at, level } = state.bucket
    return Math.max(now + 1, at + Math.ceil(((1 - level) * 1_000) / rate))
  }
  let again = Infinity
  for (const { busyUntil } of HashMap.values(state.shares)) if (busyUntil > now) again = Math.min(again, busyUntil)
  return again
}
