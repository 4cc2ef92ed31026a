/**
 * Starts the tasks that the router has placed. The signal is planned from a state that may be older; picks that no
 * longer hold are skipped.
 */
import { HashMap } from "effect"
import type { DecideContext, Decision } from "../../../actor/Actor.ts"
import { send } from "../../../actor/Send.ts"
import type { LaneEvent, LaneEventOf, Wait, WaitingTask } from "../../../schema/events/LaneEvents.ts"
import { type InstanceId, instanceEntityId, type Placement, type SessionId, type TaskId } from "../../../schema/Ids.ts"
import type { RoutingHints } from "../../../schema/Task.ts"
import { Instance } from "../../Instance.ts"
import { graceMillis } from "./Attempts.ts"
import { attemptOf } from "./AttemptOf.ts"
import { draft, type LaneDraft } from "../LaneEvolve.ts"
import { type LaneState, pendingBounds, startsAllowed } from "../LaneState.ts"
import { find } from "../backlog/BacklogWindow.ts"
import { type Ask, freeOf, leaseOf } from "../slots/SlotLease.ts"
import { startTold } from "../slots/SlotRuns.ts"
import { turnOf } from "../turns/TurnLease.ts"

export interface Pick {
  readonly taskId: TaskId
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly because: string
  readonly backup?: InstanceId
  /** The start spends a slot that the lane holds there. */
  readonly onSlot?: boolean
}

/** A turn that the lane wants of a session, for the first of its tasks. */
export interface TurnAsk {
  readonly sessionId: SessionId
  readonly timeoutMillis: number
  readonly hints: RoutingHints
}

export interface Assign {
  readonly _tag: "Assign"
  readonly picks: ReadonlyArray<Pick>
  readonly asks: ReadonlyArray<Ask>
  readonly turnAsks?: ReadonlyArray<TurnAsk>
  /** Set when no other waiting task can be placed now. */
  readonly parked: { readonly waits: ReadonlyArray<Wait>; readonly skip: boolean } | undefined
}

/**
 * Each start is decided on the state that the earlier starts leave: one of them may have made the window drop a task
 * that waits further back.
 */
export const assign = (
  state: LaneState,
  signal: Assign,
  { epoch, now, seq }: DecideContext
): Decision<LaneEvent, void, never> => {
  const { lane, tenantId } = state
  const change = draft(state)
  for (const pick of signal.picks) {
    if (!mayStart(change.state, now)) break
    const entry = find(change.state.pending, pendingBounds, pick.taskId)
    if (entry === undefined || (entry.task.deadlineAt ?? Infinity) <= now) continue
    if (pick.onSlot === true && !hasFreeSlot(change.state, pick.instanceId)) continue
    const { event, message } = startOf(state, entry, pick, now)
    change.emit(event)
    change.send(
      pick.onSlot === true
        ? startTold(state, { ...entry, ...pick, attempt: event.attempt, startedAt: now }, epoch, seq)
        : message
    )
  }
  askForTurns(change, signal.turnAsks ?? [], now)
  for (const ask of signal.asks) change.emit({ _tag: "lane.internal_slots_asked", tenantId, lane, at: now, ...ask })
  if (signal.parked !== undefined) {
    change.emit({ _tag: "lane.internal_parked", tenantId, lane, at: now, ...signal.parked })
  }
  return change.accept(undefined)
}

/** One that the lane has asked meanwhile is not asked again. */
const askForTurns = (change: LaneDraft, asks: ReadonlyArray<TurnAsk>, now: number): void => {
  for (const wanted of asks) {
    const { lane, tenantId, turnAsks, turns } = change.state
    if (turnOf(turns, wanted.sessionId) !== undefined) continue
    change.emit({ _tag: "lane.internal_turn_asked", tenantId, lane, at: now, ask: turnAsks + 1, ...wanted })
  }
}

type Where = Omit<Pick, "taskId"> & { readonly onTurn?: boolean }

/** The event and the message by which a waiting task starts. */
export const startOf = (state: LaneState, entry: WaitingTask, where: Where, now: number) => {
  const { lane, tenantId } = state
  const { taskId, timeoutMillis } = entry.task
  const attempt = entry.attempt + 1
  const until = now + timeoutMillis + graceMillis
  const event: LaneEventOf<"task.started"> = {
    _tag: "task.started",
    tenantId,
    lane,
    at: now,
    attempt,
    until,
    taskId,
    ...where
  }
  const message = send(Instance, instanceEntityId(where.placement, where.instanceId), "Execute", {
    attempt: attemptOf(state, entry, attempt)
  })
  return { event, message }
}

const hasFreeSlot = ({ slots }: LaneState, instanceId: InstanceId): boolean => {
  const lease = leaseOf(slots, instanceId)
  return lease !== undefined && freeOf(lease) > 0
}

const mayStart = (state: LaneState, now: number): boolean =>
  !state.config.paused && HashMap.size(state.running) < state.config.concurrency && startsAllowed(state, now) >= 1
