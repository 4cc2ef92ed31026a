/** Whether another instance exists at all for what runs on a lost one. */
import type { InstanceStatus } from "../../schema/Instance.ts"
import * as Candidate from "./Candidate.ts"
import { rejectedBy, type RouteRequest } from "./Filter.ts"

/**
 * An instance that is full, or has an open breaker, takes work later, so its load and its breaker are left out of
 * account.
 */
const atRest = (status: InstanceStatus): InstanceStatus => ({
  ...status,
  breaker: "closed",
  load: { ...status.load, runningTasks: 0, activeSessions: 0, queuedTasks: 0 }
})

const candidates = new WeakMap<ReadonlyArray<InstanceStatus>, ReadonlyArray<Candidate.Candidate>>()

const candidatesOf = (fleet: ReadonlyArray<InstanceStatus>): ReadonlyArray<Candidate.Candidate> => {
  let known = candidates.get(fleet)
  if (known === undefined) candidates.set(fleet, (known = fleet.map((status) => Candidate.make(atRest(status)))))
  return known
}

/** Whether some instance of the fleet may take the request, now or later. Instances of unknown health never may. */
export const hasAlternative = (request: RouteRequest, fleet: ReadonlyArray<InstanceStatus>, now: number): boolean =>
  candidatesOf(fleet).some((candidate) => rejectedBy(request, candidate, now) < 0)
