/**
 * Which slots a lane asks for, for the tasks that found none. Each such task is routed once more as if every instance
 * had room, and counts there: the least loaded are asked first, and none for more than the lane may run. Pure.
 *
 * An ask says how many slots the lane wants in all and what waits first, so it replaces the one before. It is renewed
 * when more is wanted, and otherwise at most once in `renewMillis`.
 */
import { HashMap } from "effect"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import type { WaitingTask } from "../../../schema/events/LaneEvents.ts"
import * as Candidate from "../../routing/Candidate.ts"
import { route } from "../../routing/Router.ts"
import { type LaneState } from "../LaneState.ts"
import { type Ask, freeOf, leaseOf, type SlotLease } from "../slots/SlotLease.ts"
import { requestOf, wishOf } from "./RouteRequests.ts"

const renewMillis = 1_000

/** An instance that grants slots, as if it had room: what its others hold and what was asked already is its load. */
const asking = (status: InstanceStatus, lease: SlotLease | undefined, busyUntil: number): Candidate.Candidate =>
  Candidate.make(status, {
    running: Math.max(status.load.runningTasks, lease?.spent ?? 0),
    free: Number.POSITIVE_INFINITY,
    busyUntil
  })

export interface Wanting {
  readonly state: LaneState
  readonly snapshot: ReadonlyArray<InstanceStatus>
  /** Tasks that found no free slot, in order. */
  readonly unplaced: ReadonlyArray<WaitingTask>
  /** How many more the lane may start. */
  readonly most: number
  /** Starts that the plan makes, by instance. */
  readonly picked: ReadonlyMap<string, number>
  readonly now: number
}

const isDue = (lease: SlotLease | undefined, want: number, rank: number, now: number): boolean => {
  if (lease === undefined || want > lease.want) return true
  return (want !== lease.want || rank !== lease.rank) && now - lease.askedAt >= renewMillis
}

export const asksOf = ({ most, now, picked, snapshot, state, unplaced }: Wanting): ReadonlyArray<Ask> => {
  const granting = snapshot.filter(({ grantsSlots }) => grantsSlots === true)
  if (granting.length === 0 || unplaced.length === 0 || most <= 0) return []
  const busyUntil = (instanceId: string) => {
    const share = HashMap.get(state.shares, instanceId)
    return share._tag === "Some" ? share.value.busyUntil : 0
  }
  const candidates = granting.map((status) =>
    asking(status, leaseOf(state.slots, status.instanceId), busyUntil(status.instanceId))
  )
  const wanted = new Map<Candidate.Candidate, number>()
  const unroutable = new Set<string>()
  let first: WaitingTask | undefined
  let asked = 0
  for (const entry of unplaced) {
    if (asked >= most) break
    const wish = wishOf(entry.task)
    if (unroutable.has(wish)) continue
    const decision = route(requestOf(state, entry), candidates, now)
    if (decision._tag === "Unroutable") {
      unroutable.add(wish)
      continue
    }
    first ??= entry
    asked++
    decision.candidate.running++
    wanted.set(decision.candidate, (wanted.get(decision.candidate) ?? 0) + 1)
  }
  const rank = first?.rank ?? 0
  return [...wanted].flatMap(([{ status }, count]) => {
    const { instanceId, placement } = status
    const lease = leaseOf(state.slots, instanceId)
    const spent = (lease?.spent ?? 0) + (picked.get(instanceId) ?? 0)
    const unspent = lease === undefined ? 0 : Math.max(0, freeOf(lease) - (picked.get(instanceId) ?? 0))
    const want = Math.min(status.maxConcurrentTasks, spent + unspent + count)
    return isDue(lease, want, rank, now) ? [{ instanceId, placement, want, rank }] : []
  })
}
