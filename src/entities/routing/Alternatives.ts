/** Whether there is another place at all for what runs on an instance that is lost. */
import type { InstanceStatus } from "../../schema/Instance.ts"
import * as Candidate from "./Candidate.ts"
import { rejectedBy, type RouteRequest } from "./Filter.ts"

/** One that is full or resting now takes work later, so what stands in its way must not be only that. */
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

/** Some instance of the fleet may take it, by now or later. Those that are unknown never do. */
export const hasAlternative = (request: RouteRequest, fleet: ReadonlyArray<InstanceStatus>, now: number): boolean =>
  candidatesOf(fleet).some((candidate) => rejectedBy(request, candidate, now) < 0)
