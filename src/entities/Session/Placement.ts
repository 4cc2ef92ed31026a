/**
 * Which instance takes the next attempt of a session. It stays with the one that has its history, and waits for it
 * while that may come back. Only when it is deregistered or failed the session moves; what was said before stays at the
 * old gateway.
 */
import type { InstanceStatus } from "../../schema/Instance.ts"
import * as Candidate from "../routing/Candidate.ts"
import { route } from "../routing/Router.ts"
import type { SessionState } from "./SessionState.ts"
import type { Place } from "./TurnTransitions.ts"

export type Found = ({ readonly _tag: "Found" } & Place) | { readonly _tag: "None"; readonly reason: string }

/** A deregistered instance is in no list any more. */
const isGone = (status: InstanceStatus | undefined): boolean =>
  status === undefined || status.phase === "destroyed" || status.phase === "failed"

const isReady = (status: InstanceStatus): boolean =>
  (status.phase === "warm" || status.phase === "claimed") && status.health !== "unhealthy" &&
  status.health !== "unknown" &&
  status.breaker !== "open"

export const findPlace = (state: SessionState, fleet: ReadonlyArray<InstanceStatus>, now: number): Found => {
  const { assignment, created, sessionId, tenantId } = state
  if (assignment?.settled === true) {
    const status = fleet.find(({ instanceId }) => instanceId === assignment.instanceId)
    if (!isGone(status)) return stay(status!)
  }
  const decision = route(
    { tenantId, key: sessionId, hints: created?.hints ?? {}, sessionId, opensSession: true },
    fleet.map((status) => Candidate.make(status)),
    now
  )
  return decision._tag === "Routed"
    ? { _tag: "Found", instanceId: decision.instanceId, placement: decision.placement, because: decision.because }
    : { _tag: "None", reason: decision.reason }
}

const stay = (status: InstanceStatus): Found => {
  const { breaker, health, instanceId, phase, placement, reason } = status
  if (isReady(status)) return { _tag: "Found", instanceId, placement, because: `${instanceId} has the session's history` }
  const why = health === "unknown" && reason !== undefined ? reason : `${phase}, ${health}, breaker ${breaker}`
  return { _tag: "None", reason: `waits for ${instanceId}, which has its history (${why})` }
}
