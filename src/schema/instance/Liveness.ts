/**
 * Liveness of instances. The stored status is the last one its actor wrote; when the actor no longer has a runner,
 * nothing corrects it. Every reader (router, lists, counts, metrics, health) therefore reads the status through
 * `asSeen`.
 *
 * A runner records one heartbeat for each gateway it is connected to. The age of a heartbeat is measured by the store's
 * clock, because the clocks of runners differ.
 */
import type { InstanceStatus } from "../Instance.ts"

/** Interval between two heartbeats. */
export const heartbeatMillis = 2_500
/** Age at which a confirmation of the store counts no more. */
export const confirmedWithinMillis = 2_000
/** An instance whose last heartbeat is older than three intervals is `unknown`. */
export const silentAfterMillis = 3 * heartbeatMillis
/**
 * Applies to runners of an older version, which record no heartbeats: their stored status contains the time the actor
 * was last heard, updated at most every 30 s. While versions are mixed such a runner may have taken the instance over
 * from one that recorded heartbeats: what is stored is then later than the last of them.
 */
const silentAfterUnrecordedMillis = 60_000

export const silentReason = "it was not heard for three heartbeats: its runner is gone, cut off or overloaded"

export interface Liveness {
  /** True when a live runner serves the instance's placement. */
  readonly isServed: boolean
  /** Age of the last heartbeat by the store's clock. Absent when none is recorded. */
  readonly silentMillis?: number | undefined
}

/** In these phases a runner is connected to the gateway and therefore records heartbeats. */
const isLinked = ({ phase }: InstanceStatus): boolean => phase === "warm" || phase === "claimed"

const isSilent = (status: InstanceStatus, { silentMillis }: Liveness, now: number): boolean => {
  if (!isLinked(status)) return false
  const told = status.lastHeartbeatAt ?? status.registeredAt
  if (silentMillis === undefined || now - silentMillis < told - silentAfterMillis)
    return now - told > silentAfterUnrecordedMillis
  return silentMillis > silentAfterMillis
}

const isOver = ({ phase }: InstanceStatus): boolean => phase === "stopped" || phase === "destroyed"

/** Why the stored status is no longer valid; undefined when it is valid. */
const doubtOf = (status: InstanceStatus, liveness: Liveness, now: number): string | undefined => {
  if (!liveness.isServed && !isOver(status)) {
    return `no live runner serves ${status.placement}: its machine or its runner is gone`
  }
  return isSilent(status, liveness, now) ? silentReason : undefined
}

/** `now` is in Unix milliseconds by the store's clock. */
export const asSeen = (stored: InstanceStatus, liveness: Liveness, now: number): InstanceStatus => {
  const { silentMillis } = liveness
  const heard = silentMillis === undefined ? -Infinity : Math.floor(now - silentMillis)
  const status = heard > (stored.lastHeartbeatAt ?? -Infinity) ? { ...stored, lastHeartbeatAt: heard } : stored
  const doubt = doubtOf(status, liveness, now)
  return doubt === undefined ? status : { ...status, health: "unknown", reason: doubt }
}

/**
 * What the actor itself has just said, as every other reader sees it. An actor still answers when its runner is cut off
 * from the store, or too slow to record heartbeats, and says then that all is well, while no work is sent to it. A
 * linked instance never says `unknown` of itself, so an `unknown` of `seen` is a doubt of `asSeen`.
 */
export const answeredAsSeen = (answer: InstanceStatus, seen: InstanceStatus): InstanceStatus =>
  seen.health === "unknown" && seen.reason !== undefined && isLinked(seen) && isLinked(answer)
    ? { ...answer, health: "unknown", reason: seen.reason }
    : answer
