/** The lane's own usage of each instance, kept so that an older view of the instance can be interpreted. */
import { HashMap, Option } from "effect"
import type { InstanceId } from "../../../schema/Ids.ts"
import type { LaneState, Share } from "../LaneState.ts"

type Shares = LaneState["shares"]

/** Above this number of instances, those on which nothing of the lane runs are dropped. */
const sharesMax = 256
/** Maximum age of an instance's view: for this long the lane's peak may still be counted in it. */
const peakMillis = 2_000

const none: Share = { running: 0, peak: 0, peakAt: 0, busyUntil: 0 }

export const shareOf = (shares: Shares, instanceId: InstanceId): Share | undefined =>
  Option.getOrUndefined(HashMap.get(shares, instanceId))

const update = (shares: Shares, instanceId: InstanceId, change: (share: Share) => Share): Shares => {
  const changed = HashMap.set(shares, instanceId, change(shareOf(shares, instanceId) ?? none))
  return HashMap.size(changed) <= sharesMax ? changed : HashMap.filter(changed, ({ running }) => running > 0)
}

export const begun = (shares: Shares, instanceId: InstanceId, at: number): Shares =>
  update(shares, instanceId, (share) => {
    const running = share.running + 1
    return running >= recentPeak(share, at) ? { ...share, running, peak: running, peakAt: at } : { ...share, running }
  })

/** An instance on which an attempt has ended is worth trying again, so `busyUntil` is reset. */
export const ended = (shares: Shares, instanceId: InstanceId, at: number): Shares =>
  update(shares, instanceId, (share) => {
    const isPeak = share.running >= recentPeak(share, at)
    return {
      running: Math.max(0, share.running - 1),
      peak: isPeak ? share.running : share.peak,
      peakAt: isPeak ? at : share.peakAt,
      busyUntil: 0
    }
  })

export const busy = (shares: Shares, instanceId: InstanceId, busyUntil: number): Shares =>
  update(shares, instanceId, (share) => ({ ...share, busyUntil }))

/** The lane's highest usage of the instance within the time that the instance's view may show. */
export const recentPeak = (share: Share, now: number): number =>
  now - share.peakAt > peakMillis ? share.running : Math.max(share.peak, share.running)
