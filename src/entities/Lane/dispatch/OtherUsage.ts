/**
 * How much of an instance others use, as its view says. A view shows the lane's own attempts too, as they were some
 * time ago, so what the lane had there at most in that time is taken off, once, when the view is first seen: what the
 * lane starts or ends later is not in it. A view that is behind errs towards free; the instance then refuses.
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
