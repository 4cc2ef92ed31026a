/**
 * Starts the tasks that the router has placed. The signal is planned from a state that may be older; picks that no
 * longer hold are skipped.
 */
import { HashMap } from "effect"
import type { DecideContext, Decision } from "../../../actor/Actor.ts"
import { send } from "../../../actor/Send.ts"
import type { LaneEvent, Wait } from "../../../schema/events/LaneEvents.ts"
import { type InstanceId, instanceEntityId, type Placement, type TaskId } from "../../../schema/Ids.ts"
import { Instance } from "../../Instance.ts"
import { graceMillis } from "./Attempts.ts"
import { attemptOf } from "./AttemptOf.ts"
import { draft } from "../LaneEvolve.ts"
import { type LaneState, pendingBounds, startsAllowed } from "../LaneState.ts"
import { find } from "../backlog/BacklogWindow.ts"
import { type Ask, freeOf, leaseOf } from "../slots/SlotLease.ts"
import { startTold } from "../slots/SlotRuns.ts"

export interface Pick {
  readonly taskId: TaskId
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly because: string
  readonly backup?: InstanceId
  /** The start spends a slot that the lane holds there. */
  readonly onSlot?: boolean
}

export interface Assign {
  readonly _tag: "Assign"
  readonly picks: ReadonlyArray<Pick>
  readonly asks: ReadonlyArray<Ask>
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
    const attempt = entry.attempt + 1
    const until = now + entry.task.timeoutMillis + graceMillis
    change.emit({ _tag: "task.started", tenantId, lane, at: now, attempt, until, ...pick })
    const instance = instanceEntityId(pick.placement, pick.instanceId)
    change.send(
      pick.onSlot === true
        ? startTold(state, { ...entry, ...pick, attempt, startedAt: now }, epoch, seq)
        : send(Instance, instance, "Execute", { attempt: attemptOf(state, entry, attempt) })
    )
  }
  for (const ask of signal.asks) change.emit({ _tag: "lane.internal_slots_asked", tenantId, lane, at: now, ...ask })
  if (signal.parked !== undefined) {
    change.emit({ _tag: "lane.internal_parked", tenantId, lane, at: now, ...signal.parked })
  }
  return change.accept(undefined)
}

const hasFreeSlot = ({ slots }: LaneState, instanceId: InstanceId): boolean => {
  const lease = leaseOf(slots, instanceId)
  return lease !== undefined && freeOf(lease) > 0
}

const mayStart = (state: LaneState, now: number): boolean =>
  !state.config.paused && HashMap.size(state.running) < state.config.concurrency && startsAllowed(state, now) >= 1
