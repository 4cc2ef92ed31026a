/**
 * How the deployment's cap on what runs at once holds over all instances: each has a share of it, in proportion to its
 * own `maxConcurrentTasks`, and grants no more slots than its share. The shares add up to the cap, so nobody has to be
 * asked before a start. Each instance derives its share from the fleet as it sees it; while an instance joins or
 * leaves, two may see different fleets for as long as a view is old (2 s), and what runs above a smaller share goes on.
 */
import { Context, Effect, Layer } from "effect"
import { DeploymentCaps } from "../../../ports/DeploymentCaps.ts"
import { Fleet } from "../../../ports/Fleet.ts"
import type { InstanceId } from "../../../schema/Ids.ts"
import type { InstanceStatus } from "../../../schema/Instance.ts"

interface Sized {
  readonly instanceId: InstanceId
  readonly maxConcurrentTasks: number
}

/**
 * Whole shares that add up to `cap`, or to all slots when there are fewer. What division leaves over goes one by one to
 * those that lost most by it, by id among equals.
 */
export const sharesOf = (cap: number, instances: ReadonlyArray<Sized>): ReadonlyMap<InstanceId, number> => {
  const all = instances.reduce((sum, { maxConcurrentTasks }) => sum + maxConcurrentTasks, 0)
  const most = Math.min(cap, all)
  const parts = instances.map(({ instanceId, maxConcurrentTasks }) => {
    const exact = all === 0 ? 0 : (most * maxConcurrentTasks) / all
    return { instanceId, whole: Math.floor(exact), rest: exact - Math.floor(exact) }
  })
  let left = most - parts.reduce((sum, { whole }) => sum + whole, 0)
  const shares = new Map<InstanceId, number>()
  for (const { instanceId, rest, whole } of parts.toSorted(
    (one, other) => other.rest - one.rest || (one.instanceId < other.instanceId ? -1 : 1)
  )) {
    shares.set(instanceId, whole + (rest > 0 && left-- > 0 ? 1 : 0))
  }
  return shares
}

/** Instances that run something, or may. One that is lost counts no more. */
const counts = ({ health, phase }: InstanceStatus): boolean =>
  (phase === "warm" || phase === "claimed" || phase === "draining") && health !== "unknown"

export interface RunningShareShape {
  /** The instance's share now; undefined without a cap. It counts itself, whatever the fleet says of it. */
  readonly of: ((self: Sized) => Effect.Effect<number>) | undefined
}

export const RunningShare = Context.Reference<RunningShareShape>("clawster/entities/Instance/RunningShare", {
  defaultValue: () => ({ of: undefined })
})

export const layer = Layer.effect(
  RunningShare,
  Effect.gen(function* () {
    const { running } = yield* DeploymentCaps
    const fleet = yield* Fleet
    if (running === undefined) return { of: undefined }
    return {
      of: (self: Sized) =>
        Effect.map(fleet.snapshot, (snapshot) => {
          const others = snapshot.filter((status) => status.instanceId !== self.instanceId && counts(status))
          return sharesOf(running, [...others, self]).get(self.instanceId) ?? 0
        })
    }
  })
)
