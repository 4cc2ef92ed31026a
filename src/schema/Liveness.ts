/**
 * What an instance's own word is worth. The stored status is what its actor last said; when the actor has no runner any
 * more, nobody takes it back. Every reader (router, lists, counts, metrics, health) therefore sees the status through
 * `asSeen`.
 *
 * A runner records one heartbeat for each gateway that it is linked to. Its age is measured by the store's clock, since
 * the clocks of runners differ.
 */
import type { InstanceStatus } from "./Instance.ts"

/** Time between two heartbeats. */
export const heartbeatMillis = 2_500
/** An instance that was not heard for three heartbeats is unknown. */
export const silentAfterMillis = 3 * heartbeatMillis
/**
 * For a runner of an older version, which records no heartbeats: the stored status says at most every 30 s when the
 * actor was last heard.
 */
const silentAfterUnrecordedMillis = 60_000

export interface Liveness {
  /** A live runner serves the instance's placement. */
  readonly isServed: boolean
  /** Age of the last heartbeat by the store's clock. Absent: none is recorded. */
  readonly silentMillis?: number | undefined
}

/** In these phases a runner is linked to the gateway, and so records heartbeats. */
const isLinked = ({ phase }: InstanceStatus): boolean => phase === "warm" || phase === "claimed"

const isSilent = (status: InstanceStatus, { silentMillis }: Liveness, now: number): boolean => {
  if (!isLinked(status)) return false
  if (silentMillis !== undefined) return silentMillis > silentAfterMillis
  return now - (status.lastHeartbeatAt ?? status.registeredAt) > silentAfterUnrecordedMillis
}

const isOver = ({ phase }: InstanceStatus): boolean => phase === "stopped" || phase === "destroyed"

/** Why what was stored does not count any more; undefined when it does. */
const doubtOf = (status: InstanceStatus, liveness: Liveness, now: number): string | undefined => {
  if (!liveness.isServed && !isOver(status)) {
    return `no live runner serves ${status.placement}: its machine or its runner is gone`
  }
  return isSilent(status, liveness, now)
    ? "it was not heard for three heartbeats: its runner is gone, cut off or overloaded"
    : undefined
}

/** `now`: Unix milliseconds by the store's clock. */
export const asSeen = (stored: InstanceStatus, liveness: Liveness, now: number): InstanceStatus => {
  const { silentMillis } = liveness
  const heard = silentMillis === undefined ? -Infinity : Math.floor(now - silentMillis)
  const status = heard > (stored.lastHeartbeatAt ?? -Infinity) ? { ...stored, lastHeartbeatAt: heard } : stored
  const doubt = doubtOf(status, liveness, now)
  return doubt === undefined ? status : { ...status, health: "unknown", reason: doubt }
}
