/**
 * Makes one dispatch plan: goes through the head of the backlog in order, asks the router for each task, and counts the
 * starts it has planned so that a batch does not overfill an instance. Pure; the lane decides on the plan
 * (StartTasks.ts), the instance on each attempt.
 *
 * The usage of an instance is this lane's own, which is exact, plus the usage by others (OtherUsage.ts), which is an
 * estimate. When the estimate was too low the instance refuses, the attempt is requeued without being counted, and the
 * instance is not tried for as long as it asked.
 *
 * Tasks with the same requirements are filtered alike, so one task that finds no instance answers for the other such
 * tasks of the plan.
 */
import { HashMap } from "effect"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import type { WaitingTask } from "../../../schema/events/LaneEvents.ts"
import * as Candidate from "../../routing/Candidate.ts"
import { rejectedBy } from "../../routing/Filter.ts"
import { route } from "../../routing/Router.ts"
import type { Assign, Pick } from "./StartTasks.ts"
import { type LaneState, pendingOps, startsAllowed } from "../LaneState.ts"
import { shareOf } from "./InstanceUsage.ts"
import type { OtherUsage } from "./OtherUsage.ts"
import { requestOf, wishOf } from "./RouteRequests.ts"
import { asksOf } from "./SlotAsks.ts"
import { freeOf, leaseOf } from "../slots/SlotLease.ts"

/** Maximum starts in one commit. */
const picksMax = 512
/** Maximum tasks named per reason for waiting, and maximum reasons. */
const namedMax = 16
const reasonsMax = 8

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
    return Candidate.make(status, { running, free: lease === undefined ? 0 : freeOf(lease), busyUntil })
  }
  const others = otherUsage.othersOn(status, `${state.tenantId}/${state.lane}`, share, now)
  return Candidate.make(status, { running: others + (share?.running ?? 0), busyUntil })
}

/** `tenantsMost`: how many of the lane's tasks its tenant lets run at once. */
export const plan = (
  state: LaneState,
  snapshot: ReadonlyArray<InstanceStatus>,
  now: number,
  otherUsage: OtherUsage,
  tenantsMost = Infinity
): Plan => {
  const { config, pending, running } = state
  const allowed = startsAllowed(state, now)
  const limit = Math.min(Math.min(config.concurrency, tenantsMost) - HashMap.size(running), allowed, picksMax)
  const candidates = snapshot.map((status) => candidateOf(state, status, now, otherUsage))
  const picks: Array<Pick> = []
  const stuck = new Map<string, { readonly reason: string; readonly taskIds: Array<TaskId> }>()
  const picked = new Map<string, number>()
  const unplaced: Array<WaitingTask> = []
  let looked = 0
  for (const entry of pending.entries) {
    if (picks.length >= limit) break
    looked++
    const { task } = entry
    if ((task.deadlineAt ?? Infinity) <= now) continue
    const wish = wishOf(task)
    const known = stuck.get(wish)
    if (known !== undefined) {
      unplaced.push(entry)
      if (known.taskIds.length < namedMax) known.taskIds.push(task.taskId)
      continue
    }
    const decision = route(requestOf(state, entry), candidates, now)
    if (decision._tag === "Unroutable") {
      stuck.set(wish, { reason: decision.reason, taskIds: [task.taskId] })
      unplaced.push(entry)
      continue
    }
    const { backup, because, candidate, instanceId, placement } = decision
    const onSlot = candidate.free !== undefined
    candidate.running++
    if (candidate.free !== undefined) candidate.free--
    picked.set(instanceId, (picked.get(instanceId) ?? 0) + 1)
    picks.push({
      taskId: task.taskId,
      instanceId,
      placement,
      because,
      ...(backup === undefined ? {} : { backup }),
      ...(onSlot ? { onSlot } : {})
    })
  }
  const isThrough = looked === pending.entries.length && stuck.size > 0
  const skip = isThrough && picks.length === 0 && pendingOps.maySkip(pending) && takesAny(state, candidates, now)
  const waits = [...stuck.values()].slice(0, reasonsMax)
  const parked = isThrough ? { waits, skip } : undefined
  const asks = asksOf({ state, snapshot, unplaced: unplaced.slice(0, limit - picks.length), picked, now })
  return {
    assign: { _tag: "Assign", picks, asks, parked },
    isIdle:
      picks.length === 0 && asks.length === 0 && !skip && (parked === undefined || sameWaits(state.parked, waits)),
    again: againAt(state, now, allowed)
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
