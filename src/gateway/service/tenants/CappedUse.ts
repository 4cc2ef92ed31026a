/**
 * How much of what is capped each tenant uses: read from the views at most once a second, and counted on in this
 * process between two readings. What other gateways have accepted since the last reading, and what is accepted and not
 * committed at a reading, is not counted: so several gateways together may pass a cap by what they accept in a second.
 */
import { Cache, Clock, Effect } from "effect"
import type { ActorUnavailable } from "../../../schema/Errors.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import type { TenantUsage } from "../../../schema/Tenant.ts"

export type Capped = "pending" | "lanes" | "sessions"

/** Tenants with caps of which the use is kept; beyond it the use of one that asked long ago is read again. */
const tenantsMost = 10_000
const readEvery = "1 second"
/** A refusal is not given on a reading that is older. */
const freshMillis = 200

export interface CappedUse {
  /** Takes `count` when they fit under the cap; answers the use that leaves no room for them otherwise. */
  readonly take: (
    tenantId: TenantId,
    what: Capped,
    count: number,
    cap: number
  ) => Effect.Effect<number | undefined, ActorUnavailable>
}

/** `reads`: what a tenant uses. */
export const make = Effect.fnUntraced(function* (reads: {
  readonly usage: (
    tenantId: TenantId
  ) => Effect.Effect<Pick<TenantUsage, "lanes" | "pending" | "scheduled" | "sessions">, ActorUnavailable>
}) {
  const seen = yield* Cache.make({
    capacity: tenantsMost,
    timeToLive: readEvery,
    lookup: Effect.fnUntraced(function* (tenantId: TenantId) {
      const readAt = yield* Clock.currentTimeMillis
      const { lanes, pending, scheduled, sessions } = yield* reads.usage(tenantId)
      return { readAt, used: { pending: pending + scheduled, lanes, sessions } }
    })
  })
  const take: CappedUse["take"] = Effect.fnUntraced(function* (tenantId, what, count, cap) {
    let use = yield* Cache.get(seen, tenantId)
    if (use.used[what] + count > cap && (yield* Clock.currentTimeMillis) - use.readAt >= freshMillis) {
      yield* Cache.invalidate(seen, tenantId)
      use = yield* Cache.get(seen, tenantId)
    }
    if (use.used[what] + count > cap) return use.used[what]
    use.used[what] += count
    return undefined
  })
  return { take } satisfies CappedUse
})
