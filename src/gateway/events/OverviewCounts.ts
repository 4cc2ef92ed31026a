/** Counts for overviews, cached for a second per tenant, independent of the number of clients. */
import { Cache, Context, Effect, Layer } from "effect"
import { InstanceReads } from "../../ports/InstanceReads.ts"
import { TaskReads } from "../../ports/Reads.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { TenantId } from "../../schema/Ids.ts"
import type { InstanceHealth } from "../../schema/Instance.ts"
import { everyInstance } from "../service/instances/EveryInstance.ts"
import type { TaskPhase } from "../../schema/Task.ts"

export const countedEvery = "1 second"
const tenantsRemembered = 1_000

export interface CountsNow {
  readonly tasks: Partial<Record<TaskPhase, number>>
  /** Only instances that the caller may see. */
  readonly instances: Partial<Record<InstanceHealth, number>>
}

export class OverviewCounts extends Context.Service<
  OverviewCounts,
  {
    /** Undefined counts all tenants. */
    readonly of: (tenantId: TenantId | undefined) => Effect.Effect<CountsNow, ActorUnavailable>
  }
>()("clawster/gateway/OverviewCounts") {
  static readonly layer = Layer.effect(
    OverviewCounts,
    Effect.gen(function* () {
      const tasks = yield* TaskReads
      const reads = yield* InstanceReads
      const count = Effect.fnUntraced(function* (tenantId: TenantId | undefined) {
        const items = yield* everyInstance(reads, tenantId)
        const instances: Partial<Record<InstanceHealth, number>> = {}
        for (const { health } of items) instances[health] = (instances[health] ?? 0) + 1
        return { tasks: yield* tasks.counts(tenantId), instances } satisfies CountsNow
      })
      const known = yield* Cache.make({ lookup: count, capacity: tenantsRemembered, timeToLive: countedEvery })
      return OverviewCounts.of({ of: (tenantId) => Cache.get(known, tenantId) })
    })
  )
}
