/**
 * Usage by others = running tasks in the instance's view minus this lane's recent peak on it. Views lag by up to 2 s
 * and include the lane's own attempts, so the peak over that time is subtracted, once, when the view is first seen:
 * what the lane starts or ends later is not in the view. The estimate errs low; the instance then refuses.
 */
import type { InstanceStatus } from "../../../schema/Instance.ts"
import type { Share } from "../LaneState.ts"
import { recentPeak } from "./InstanceUsage.ts"

export class OtherUsage {
  readonly #others = new WeakMap<InstanceStatus, Map<string, number>>()

  othersOn(status: InstanceStatus, lane: string, share: Share | undefined, now: number): number {
    let seen = this.#others.get(status)
    if (seen === undefined) this.#others.set(status, (seen = new Map()))
    let others = seen.get(lane)
    if (others === undefined) {
      others = Math.max(0, status.load.runningTasks - (share === undefined ? 0 : recentPeak(share, now)))
      seen.set(lane, others)
    }
    return others
  }
}
