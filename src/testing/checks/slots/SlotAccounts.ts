/**
 * I6 for slots, by accounts of both sides that are kept from the journal alone: what an instance gives away and runs
 * for itself is at most its cap, and nothing runs on a slot that is not held; a lane starts only on slots that it has,
 * which those of attempts that it gave up are not; and it has at no moment more than the instance gave it.
 */
import { checkOf, type HistoryRow, type Violation, type Watch } from "../History.ts"
import { holderKeyOf, InstanceAccount, instanceIdOf } from "./InstanceSlots.ts"
import { LaneAccount } from "./LaneSlots.ts"

const getOrMake = <A>(accounts: Map<string, A>, key: string, make: () => A): A => {
  const account = accounts.get(key) ?? make()
  accounts.set(key, account)
  return account
}

export const watchSlots = (): Watch => {
  const instances = new Map<string, InstanceAccount>()
  const lanes = new Map<string, LaneAccount>()

  const ofInstance = (row: HistoryRow): ReadonlyArray<Violation> => {
    const instanceId = instanceIdOf(row)
    return getOrMake(instances, instanceId, () => new InstanceAccount(instanceId)).commit(row.events)
  }

  /** A grant counts at the instance before the lane hears of it, so the lane never has more than the instance says. */
  const agree = (lane: LaneAccount, instanceId: string): ReadonlyArray<Violation> => {
    const instance = instances.get(instanceId)
    const lease = lane.leases.get(instanceId)
    if (instance === undefined || lease === undefined || lease.registration !== instance.registration) return []
    const held = instance.held.get(lane.lane) ?? 0
    return lease.granted > held
      ? [
          {
            invariant: "I6",
            message: `${lane.lane} has ${lease.granted} slots of ${instanceId}, which gave it ${held}`
          }
        ]
      : []
  }

  const ofLane = (row: HistoryRow): ReadonlyArray<Violation> => {
    const key = holderKeyOf(row)
    const lane = getOrMake(lanes, key, () => new LaneAccount(key))
    const found = row.events.flatMap((event) => lane.on(event))
    const got = row.events.filter(({ _tag }) => _tag === "lane.internal_slots_granted")
    return [...found, ...got.flatMap((event) => agree(lane, event["instanceId"]))]
  }

  return (row) => (row.entityType === "Instance" ? ofInstance(row) : row.entityType === "Lane" ? ofLane(row) : [])
}

export const slots = checkOf(watchSlots)
