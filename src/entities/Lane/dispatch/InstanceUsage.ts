/** What the lane has on each instance, kept so that a view that is some time old can be read. */
import { HashMap, Option } from "effect"
import type { InstanceId } from "../../../schema/Ids.ts"
import type { LaneState, Share } from "../LaneState.ts"

type Shares = LaneState["shares"]

/** Beyond so many, those on which nothing runs are forgotten. */
const sharesMax = 256
/** How old a view of an instance may be: for so long the lane's peak may still be counted in it. */
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

/** An instance on which something has ended is worth trying again. */
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

/** The most the lane had on the instance in the time that its view may show. */
export const recentPeak = (share: Share, now: number): number =>
  now - share.peakAt > peakMillis ? share.running : Math.max(share.peak, share.running)
