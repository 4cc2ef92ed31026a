/**
 * Which slots a lane asks for, for the tasks that found none. Each such task counts at an instance where an ask of the
 * lane is open, or else is routed once more as if every instance had room: the least loaded are asked first, and none
 * for more than the lane may run. Pure.
 *
 * An ask says how many slots the lane wants in all and what waits first, so it replaces the one before. It is renewed
 * at once when more is wanted, or when less is and nothing waits for the rest; otherwise at most once in `renewMillis`.
 * An ask that was not granted for `patienceMillis` moves to where there is more room.
 */
import { HashMap, Option } from "effect"
import { InstanceId } from "../../../schema/Ids.ts"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import type { WaitingTask } from "../../../schema/events/LaneEvents.ts"
import * as Candidate from "../../routing/Candidate.ts"
import { rejectedBy } from "../../routing/Filter.ts"
import { route } from "../../routing/Router.ts"
import type { LaneState } from "../LaneState.ts"
import { type Ask, leaseOf, type SlotLease } from "../slots/SlotLease.ts"
import { requestOf, wishOf } from "./RouteRequests.ts"

const renewMillis = 1_000
const patienceMillis = 3_000

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

/** What the plan leaves of the slots of one instance: those that are spent, and those that are free. */
const hasOf = (lease: SlotLease | undefined, picked: number): number =>
  lease === undefined ? picked : Math.max(lease.granted, lease.spent + picked)

const isDue = (lease: SlotLease, want: number, rank: number, now: number): boolean => {
  if (want > lease.want) return true
  const isOpen = lease.want > lease.granted
  if (want < lease.want && isOpen && want <= lease.granted) return true
  return (want !== lease.want || (isOpen && rank !== lease.rank)) && now - lease.askedAt >= renewMillis
}

interface Places {
  readonly wanted: ReadonlyMap<Candidate.Candidate, number>
  /** Rank of the first task that has a place. */
  readonly rank: number
}

/** Where the tasks that found no slot are to wait for one: how many at each instance. */
const places = ({ most, now, picked, snapshot, state, unplaced }: Wanting): Places => {
  const wanted = new Map<Candidate.Candidate, number>()
  const open = new Map<Candidate.Candidate, number>()
  const candidates = snapshot.flatMap((status) => {
    if (status.grantsSlots !== true) return []
    const lease = leaseOf(state.slots, status.instanceId)
    const share = Option.getOrUndefined(HashMap.get(state.shares, status.instanceId))
    const candidate = asking(status, lease, share?.busyUntil ?? 0)
    const left = lease === undefined ? 0 : lease.want - hasOf(lease, picked.get(status.instanceId) ?? 0)
    if (left > 0 && now - lease!.askedAt < patienceMillis) open.set(candidate, left)
    return [candidate]
  })
  const unroutable = new Set<string>()
  let first: WaitingTask | undefined
  let count = 0
  for (const entry of candidates.length === 0 ? [] : unplaced) {
    if (count >= most) break
    const wish = wishOf(entry.task)
    if (unroutable.has(wish)) continue
    const request = requestOf(state, entry)
    const elsewhere = request.mayWait === true ? [] : [...open.keys()]
    const waits = elsewhere.find((candidate) => rejectedBy(request, candidate, now) < 0)
    const decision = waits === undefined ? route(request, candidates, now) : undefined
    const place = waits ?? (decision?._tag === "Routed" ? decision.candidate : undefined)
    if (place === undefined) {
      unroutable.add(wish)
      continue
    }
    first ??= entry
    count++
    const left = (open.get(place) ?? 0) - 1
    if (left > 0) open.set(place, left)
    else open.delete(place)
    place.running++
    wanted.set(place, (wanted.get(place) ?? 0) + 1)
  }
  return { wanted, rank: first?.rank ?? 0 }
}

export const asksOf = (wanting: Wanting): ReadonlyArray<Ask> => {
  const { now, picked, state } = wanting
  const { rank, wanted } = places(wanting)
  const asks: Array<Ask> = []
  const asked = new Set<string>()
  for (const [{ status }, count] of wanted) {
    const { instanceId, maxConcurrentTasks, placement } = status
    asked.add(instanceId)
    const lease = leaseOf(state.slots, instanceId)
    const want = Math.min(maxConcurrentTasks, hasOf(lease, picked.get(instanceId) ?? 0) + count)
    if (lease === undefined || isDue(lease, want, rank, now)) asks.push({ instanceId, placement, want, rank })
  }
  for (const [id, lease] of state.slots) {
    if (asked.has(id) || lease.want <= lease.granted) continue
    asks.push({ instanceId: InstanceId.make(id), placement: lease.placement, want: lease.granted, rank: null })
  }
  return asks
}
