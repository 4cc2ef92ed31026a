/** The doctor's check of the placements: which have runners, and which are known and have none. */
import { Clock, Effect } from "effect"
import { isServed, type KnownPlacement } from "../../ports/ClusterReads.ts"
import * as Placements from "../../shards/reads/Placements.ts"
import { type Finding, ok, warn } from "./Finding.ts"

const check = "placements"
const advice = "start its runner again, or remove them: clawster instance deregister ID --force"

const sinceOf = ({ lastSeenAt }: KnownPlacement, now: number): string =>
  lastSeenAt === undefined ? "" : ` since ${Math.round((now - lastSeenAt) / 60_000)} min`

/** Pure: a placement without a runner is a fault only when instances are registered there. */
export const findings = (known: ReadonlyArray<KnownPlacement>, now: number): ReadonlyArray<Finding> => {
  const served = known.filter(isServed).map(({ placement }) => placement)
  const left = known.filter((placement) => !isServed(placement))
  return [
    ...(served.length === 0 ? [] : [ok(check, `served by live runners: ${served.join(", ")}`)]),
    ...left.map((placement) => {
      const found = `${placement.placement} has no runner${sinceOf(placement, now)}`
      return placement.instances === 0
        ? ok(check, `${found}, and no instances`)
        : warn(check, `${found}, and ${placement.instances} instances`, advice)
    })
  ]
}

/** Reads what is known. The database must have the tables of this version. */
export const placements = Effect.gen(function* () {
  return findings(yield* Placements.known, yield* Clock.currentTimeMillis)
})
