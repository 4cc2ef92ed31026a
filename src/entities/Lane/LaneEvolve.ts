/** Folds one event into the state of a lane. It makes no decisions. */
import { HashMap } from "effect"
import { DecisionBuilder } from "../../actor/DecisionBuilder.ts"
import type { LaneEvent, LaneEventOf, WaitingTask } from "../../schema/events/LaneEvents.ts"
import {
  deadOps,
  type LaneState,
  levelAt,
  pendingOps,
  type RunningTask,
  runKeyOf,
  runningOf,
  scheduledOps
} from "./LaneState.ts"
import { frees, onSlots } from "./slots/LeaseEvolve.ts"
import * as SlotLease from "./slots/SlotLease.ts"
import { onTurns } from "./turns/TurnEvolve.ts"
import * as TurnLease from "./turns/TurnLease.ts"
import * as InstanceUsage from "./dispatch/InstanceUsage.ts"
import { sessionKeyOf } from "./dispatch/AttemptOf.ts"
import type { GivenUp } from "./slots/SlotLease.ts"
import { isInVain, triedWith } from "./dispatch/TriedInstances.ts"
import { heldMost, hold } from "../../schema/Task.ts"

/** Ends the parking of a lane, so that it plans again. */
const wake = (state: LaneState): LaneState =>
  state.parked === null ? state : { ...state, parked: null, round: state.round + 1 }

const earlier = (left: number | null, right: number | undefined): number | null =>
  right === undefined ? left : left === null ? right : Math.min(left, right)

const addWaiting = (state: LaneState, given: WaitingTask): LaneState => {
  const entry = held(given)
  const deadline = earlier(state.deadline, entry.task.deadlineAt)
  return entry.notBefore === undefined
    ? { ...state, deadline, pending: pendingOps.place(state.pending, entry) }
    : { ...state, deadline, scheduled: scheduledOps.place(state.scheduled, entry) }
}

const held = (entry: WaitingTask): WaitingTask => {
  const task = hold(entry.task, heldMost.waiting)
  return task === entry.task ? entry : { ...entry, task }
}

/**
 * Removes a task from the running ones. Its slot is free again, unless the lane gave the attempt up: then it is spent
 * until the instance says that the attempt is over.
 */
const leave = (state: LaneState, running: RunningTask, at: number, givenUp = false): LaneState => {
  const rest = HashMap.remove(state.running, running.task.taskId)
  const { instanceId } = running
  const isHeld = running.onSlot === true && givenUp
  return wake({
    ...state,
    running: rest,
    slots: running.onSlot === true && !givenUp ? SlotLease.freed(state.slots, instanceId, at) : state.slots,
    givenUp: isHeld ? HashMap.set(state.givenUp, runKeyOf(running), givenUpOf(state, running)) : state.givenUp,
    turns: TurnLease.left(state.turns, running),
    shares: InstanceUsage.ended(state.shares, running.instanceId, at),
    watch: HashMap.size(rest) === 0 ? null : state.watch
  })
}

const givenUpOf = ({ tenantId }: LaneState, { instanceId, placement, task }: RunningTask): GivenUp => ({
  instanceId,
  placement,
  sessionKey: sessionKeyOf(tenantId, task)
})

const waitingAgain = (running: RunningTask, attempt: number, notBefore?: number): WaitingTask => ({
  task: running.task,
  rank: running.rank,
  submittedAt: running.submittedAt,
  maxAttempts: running.maxAttempts,
  attempt,
  ...(running.reroutes === undefined ? {} : { reroutes: running.reroutes }),
  ...(running.tried === undefined ? {} : { tried: running.tried }),
  ...(notBefore === undefined ? {} : { notBefore })
})

/** As `waitingAgain`, after an attempt that the instance did not serve. */
const waitingElsewhere = (running: RunningTask, attempt: number, notBefore?: number): WaitingTask => ({
  ...waitingAgain(running, attempt, notBefore),
  tried: triedWith(running)
})

const submitted = (state: LaneState, event: LaneEventOf<"task.submitted">): LaneState => {
  const { at, rank, task, taskId } = event
  const isScheduled = event.phase === "scheduled"
  const next = { ...state, deadline: earlier(state.deadline, task.deadlineAt) }
  if (task.idIsNew !== true) {
    return isScheduled
      ? { ...next, scheduled: scheduledOps.count(state.scheduled, { order: task.notBefore!, taskId }) }
      : { ...next, pending: pendingOps.count(state.pending, { order: rank, taskId }) }
  }
  return wake(
    addWaiting(next, {
      task,
      rank,
      submittedAt: at,
      attempt: 0,
      maxAttempts: task.retry.maxAttempts,
      ...(isScheduled ? { notBefore: task.notBefore! } : {})
    })
  )
}

const started = (state: LaneState, event: LaneEventOf<"task.started">): LaneState => {
  const { at, instanceId, placement, taskId, until } = event
  const entry = state.pending.entries.find(({ task }) => task.taskId === taskId)
  if (entry === undefined) return state
  const rate = state.config.ratePerSecond
  return {
    ...state,
    pending: pendingOps.remove(state.pending, taskId),
    running: HashMap.set(state.running, taskId, {
      ...entry,
      task: hold(entry.task, heldMost.running),
      attempt: event.attempt,
      instanceId,
      placement,
      ...(event.backup === undefined ? {} : { backup: event.backup }),
      startedAt: at,
      until,
      ...(event.onSlot === undefined ? {} : { onSlot: event.onSlot }),
      ...(event.onTurn === undefined ? {} : { onTurn: event.onTurn })
    }),
    turns: event.onTurn === true ? TurnLease.spent(state.turns, entry.task.sessionId!) : state.turns,
    slots: event.onSlot === true ? SlotLease.begun(state.slots, instanceId, at) : state.slots,
    shares: InstanceUsage.begun(state.shares, instanceId, at),
    bucket: rate === undefined ? state.bucket : { level: levelAt(state.bucket, rate, at) - 1, at },
    lastInstanceId: instanceId,
    watch: earlier(state.watch, until)
  }
}

const requeued = (state: LaneState, event: LaneEventOf<"task.requeued">): LaneState => {
  const running = runningOf(state, event.taskId)
  if (running === undefined) return state
  const { rerouted } = event
  if (rerouted !== undefined) {
    const { maxAttempts, times } = rerouted
    return addWaiting(leave(state, running, event.at, event.givenUp), {
      ...waitingElsewhere(running, event.attempt),
      maxAttempts,
      reroutes: times
    })
  }
  const waiting = isInVain(event) ? waitingElsewhere : waitingAgain
  const left = leave(state, running, event.at, event.givenUp)
  const next = addWaiting(left, waiting(running, event.attempt - 1))
  return {
    ...next,
    turns: TurnLease.left(state.turns, running, event.at),
    shares: InstanceUsage.busy(next.shares, event.instanceId, event.busyUntil)
  }
}

/** Removes a task from where it is, without placing it elsewhere. */
const ended = (state: LaneState, event: LaneEventOf<"task.failed" | "task.cancelled">): LaneState => {
  const { at, taskId, unheld } = event
  const running = runningOf(state, taskId)
  if (running !== undefined) return leave(state, running, at, event.givenUp)
  if (unheld === undefined) {
    return {
      ...state,
      pending: pendingOps.remove(state.pending, taskId),
      scheduled: scheduledOps.remove(state.scheduled, taskId)
    }
  }
  const place = { order: unheld.order, taskId }
  return unheld.window === "pending"
    ? { ...state, pending: pendingOps.removeCounted(state.pending, place) }
    : { ...state, scheduled: scheduledOps.removeCounted(state.scheduled, place) }
}

const leaveRunning = (state: LaneState, event: LaneEventOf<"task.completed" | "task.dead_lettered">): LaneState => {
  const running = runningOf(state, event.taskId)
  const givenUp = event._tag === "task.dead_lettered" && event.givenUp
  return running === undefined ? state : leave(state, running, event.at, givenUp)
}

const retrying = (state: LaneState, event: LaneEventOf<"task.retrying">): LaneState => {
  const running = runningOf(state, event.taskId)
  if (running === undefined) return state
  const left = leave(state, running, event.at, event.givenUp)
  return addWaiting(left, waitingElsewhere(running, event.attempt, event.notBefore))
}

const deadLettered = (state: LaneState, event: LaneEventOf<"task.dead_lettered">): LaneState => {
  const { at, attempt, budget, priority, taskId } = event
  const dead = deadOps.place(state.dead, { taskId, priority, attempt, budget, endedAt: at })
  return { ...leaveRunning(state, event), dead }
}

/**
 * The task's row is read back before the task starts, since the lane no longer has its payload. The lane does not know
 * its deadline either, so a deadline sweep is due at once.
 */
const replayed = (state: LaneState, event: LaneEventOf<"task.replayed">): LaneState => {
  const { at, endedAt, rank, taskId } = event
  const isHeld = state.dead.entries.some((entry) => entry.taskId === taskId)
  return {
    ...state,
    dead: isHeld ? deadOps.remove(state.dead, taskId) : deadOps.removeCounted(state.dead, { order: endedAt, taskId }),
    pending: pendingOps.count(state.pending, { order: rank, taskId }),
    deadline: earlier(state.deadline, at)
  }
}

const configured = (state: LaneState, { at, config }: LaneEventOf<"lane.configured">): LaneState => {
  const rate = config.ratePerSecond
  const before = state.config.ratePerSecond
  const level = rate === undefined ? 0 : before === undefined ? rate : Math.min(rate, levelAt(state.bucket, before, at))
  return wake({ ...state, config, bucket: { level, at } })
}

const cancelAsked = (state: LaneState, event: LaneEventOf<"lane.internal_cancel_asked">): LaneState => {
  const running = runningOf(state, event.taskId)
  if (running === undefined) return state
  const cancel = event.reason === undefined ? {} : { reason: event.reason }
  return {
    ...state,
    running: HashMap.set(state.running, event.taskId, { ...running, cancel, until: event.until }),
    watch: earlier(state.watch, event.until)
  }
}

const refilled = (state: LaneState, event: LaneEventOf<"lane.internal_refilled">): LaneState => {
  const { end: isEnd, seq } = event
  const entries = event.entries.map(held)
  return event.window === "pending"
    ? wake({ ...state, pending: pendingOps.refilled(state.pending, seq, entries, isEnd) })
    : { ...state, scheduled: scheduledOps.refilled(state.scheduled, seq, entries, isEnd) }
}

const promoted = (state: LaneState, { taskIds }: LaneEventOf<"lane.internal_promoted">): LaneState => {
  let next = state
  for (const taskId of taskIds) {
    const entry = next.scheduled.entries.find(({ task }) => task.taskId === taskId)
    if (entry === undefined) continue
    const { notBefore: _, ...pending } = entry
    next = addWaiting({ ...next, scheduled: scheduledOps.remove(next.scheduled, taskId) }, pending)
  }
  return wake(next)
}

const lookupDone = (state: LaneState, { taskIds }: LaneEventOf<"lane.internal_lookup_done">): LaneState => {
  const done = new Set<string>(taskIds)
  return { ...state, lookups: state.lookups.filter(({ taskId }) => !done.has(taskId)) }
}

const parked = (state: LaneState, { at, skip, waits }: LaneEventOf<"lane.internal_parked">): LaneState => ({
  ...state,
  parked: waits,
  pending: skip ? pendingOps.skip(state.pending) : state.pending,
  skippedAt: skip && state.pending.gap === null ? at : state.skippedAt
})

/** A sweep that is already running may have read too early, so its result no longer counts. */
const nextSweep = (sweep: number): number => (sweep % 2 === 0 ? sweep + 1 : sweep + 2)

export const evolve = (state: LaneState, event: LaneEvent): LaneState => {
  switch (event._tag) {
    case "task.submitted":
      return submitted(state, event)
    case "task.started":
      return started(state, event)
    case "task.requeued":
      return requeued(state, event)
    case "task.retrying":
      return retrying(state, event)
    case "task.completed":
      return { ...leaveRunning(state, event), completed: state.completed + 1 }
    case "task.failed":
      return { ...(event.refused === undefined ? ended(state, event) : state), failed: state.failed + 1 }
    case "task.cancelled":
      return { ...ended(state, event), cancelled: state.cancelled + 1 }
    case "task.dead_lettered":
      return deadLettered(state, event)
    case "task.replayed":
      return replayed(state, event)
    case "task.dropped":
    case "task.redirected":
      return state
    case "lane.configured":
      return configured(state, event)
    case "lane.internal_cancel_asked":
      return cancelAsked(state, event)
    case "lane.internal_lookup_asked":
      return { ...state, lookups: [...state.lookups, ...event.lookups] }
    case "lane.internal_lookup_done":
      return lookupDone(state, event)
    case "lane.internal_refilled":
      return refilled(state, event)
    case "lane.internal_dead_refilled":
      return { ...state, dead: deadOps.refilled(state.dead, event.seq, event.entries, event.end) }
    case "lane.internal_promoted":
      return promoted(state, event)
    case "lane.internal_parked":
      return parked(state, event)
    case "lane.internal_rewound":
      return wake({ ...state, pending: pendingOps.rewind(state.pending) })
    case "lane.internal_watch_moved":
      return { ...state, watch: event.until }
    case "lane.internal_deadline_moved":
      return { ...state, deadline: event.next, sweep: event.sweep ? nextSweep(state.sweep) : state.sweep }
    case "lane.internal_slots_asked":
    case "lane.internal_slots_granted":
    case "lane.internal_slots_returned":
    case "lane.internal_slots_recalled":
    case "lane.internal_slots_revoked":
    case "lane.internal_given_up_over":
      return frees(event) ? wake(onSlots(state, event)) : onSlots(state, event)
    case "lane.internal_turn_asked":
    case "lane.internal_turn_denied":
    case "lane.internal_turn_unused":
      return event._tag === "lane.internal_turn_asked" ? onTurns(state, event) : wake(onTurns(state, event))
    case "lane.internal_swept":
      return { ...state, sweep: state.sweep + 1, deadline: earlier(state.deadline, event.next ?? undefined) }
  }
}

export type LaneDraft = DecisionBuilder<LaneState, LaneEvent>
export const draft = (state: LaneState): LaneDraft => new DecisionBuilder(evolve, state)
