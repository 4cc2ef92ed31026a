/**
 * Chooses the instance for the next attempt of a session. The session stays with the instance that has its history, and
 * waits for it while it may come back. The session moves when that instance is deregistered, failed or lost, when it is
 * stopped or draining and the turn has waited for `historyWait`, and when a move was requested; the history so far
 * stays at the old gateway. It goes to the backup that was named with its instance, if there is one. A session that was
 * created for one specific instance waits for that instance.
 *
 * A session without history goes elsewhere after a failed attempt (routing/Standing.ts). One with history stays: a
 * gateway on which its turns fail is closed by the breaker, and the session waits for it.
 */
import type { InstanceId } from "../../schema/Ids.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import type { Tried } from "../../schema/runs/Tried.ts"
import * as Candidate from "../routing/Candidate.ts"
import { hasAlternative } from "../routing/Alternatives.ts"
import type { RouteRequest } from "../routing/Filter.ts"
import { route } from "../routing/Router.ts"
import { historyWait } from "./SessionPolicy.ts"
import type { SessionState } from "./SessionState.ts"
import type { Place } from "./TurnTransitions.ts"

export type Found = ({ readonly _tag: "Found" } & Place) | { readonly _tag: "None"; readonly reason: string }

/** Why an instance is lost; undefined while it is not lost (routing/LostInstances.ts). */
export type ReasonOf = (instanceId: InstanceId) => string | undefined

const isReady = ({ breaker, health, phase }: InstanceStatus): boolean =>
  (phase === "warm" || phase === "claimed") && (health === "healthy" || health === "degraded") && breaker !== "open"

/** Why the session leaves the instance that has its history; undefined when it stays. */
const leaves = (
  { assignment, head, move }: SessionState,
  status: InstanceStatus | undefined,
  now: number,
  reasonOf: ReasonOf
): string | undefined => {
  const { instanceId } = assignment!
  if (move !== undefined) return `it was asked to leave ${instanceId}`
  if (status === undefined) return `${instanceId} is not registered any more`
  if (status.phase === "destroyed" || status.phase === "failed") return `${instanceId} is ${status.phase}`
  const lost = reasonOf(instanceId)
  if (lost !== undefined) return `${instanceId} is lost: ${lost}`
  const isAway = status.phase === "stopped" || status.phase === "draining"
  return isAway && now - (head?.waitsSince ?? now) >= historyWait ? `${instanceId} is ${status.phase}` : undefined
}

/** A task adds its own hints to the session's. */
const requestOf = ({ created, head, move, sessionId, tenantId }: SessionState): RouteRequest => ({
  tenantId,
  key: sessionId,
  hints: {
    ...created?.hints,
    ...head?.turn.lane?.hints,
    ...(move?.to === undefined ? {} : { instanceId: move.to })
  },
  sessionId,
  opensSession: true
})

const choose = (
  state: SessionState,
  fleet: ReadonlyArray<InstanceStatus>,
  now: number,
  tried: Tried | undefined
): Found => {
  const decision = route(
    { ...requestOf(state), tried },
    fleet.map((status) =>
      Candidate.make(status, status.grantsSlots === true ? { free: Number.POSITIVE_INFINITY } : {})
    ),
    now
  )
  if (decision._tag === "Unroutable") return { _tag: "None", reason: decision.reason }
  const { backup, because, instanceId, placement } = decision
  return { _tag: "Found", instanceId, placement, because, ...(backup === undefined ? {} : { backup }) }
}

const nothingLost: ReasonOf = () => undefined

export const findPlace = (
  state: SessionState,
  fleet: ReadonlyArray<InstanceStatus>,
  now: number,
  reasonOf: ReasonOf = nothingLost
): Found => {
  const { assignment, head } = state
  if (assignment === undefined || (!assignment.settled && state.move === undefined))
    return choose(state, fleet, now, head?.tried)
  const { backup, instanceId } = assignment
  const status = fleet.find((known) => known.instanceId === instanceId)
  const why = leaves(state, status, now, reasonOf)
  if (why === undefined) return stay(status!)
  const found = choose(
    state,
    fleet.filter((known) => known.instanceId !== instanceId),
    now,
    { instances: head?.tried?.instances ?? [], ...(backup === undefined ? {} : { backup }) }
  )
  return found._tag === "Found"
    ? { ...found, because: `${found.because}; ${why}, and its gateway keeps the history so far` }
    : { _tag: "None", reason: `waits for another instance, since ${why} (${found.reason})` }
}

const stay = (status: InstanceStatus): Found => {
  const { breaker, health, instanceId, phase, placement, reason } = status
  if (isReady(status))
    return { _tag: "Found", instanceId, placement, because: `${instanceId} has the session's history` }
  const why = health === "unknown" && reason !== undefined ? reason : `${phase}, ${health}, breaker ${breaker}`
  return { _tag: "None", reason: `waits for ${instanceId}, which has its history (${why})` }
}

/** Whether an instance other than the lost one may take the session, now or later. */
export const mayMove = (state: SessionState, fleet: ReadonlyArray<InstanceStatus>, now: number): boolean =>
  hasAlternative(requestOf(state), fleet, now)
