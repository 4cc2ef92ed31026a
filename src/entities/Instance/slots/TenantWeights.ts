/**
 * Keeps the weights by which an instance shares its slots the same as those that operators have set. The instance reads
 * them itself, for whatever holds its slots, and stores a change with the commit that it makes next: that of an ask, a
 * return or a run.
 */
import { Effect, HashMap } from "effect"
import { type DecideContext, type Decision, note } from "../../../actor/Actor.ts"
import { Tenants } from "../../../ports/tenants/Tenants.ts"
import { TenantId } from "../../../schema/Ids.ts"
import type { InstanceEvent } from "../../../schema/events/InstanceEvents.ts"
import { ChangeWatch } from "../../routing/ChangeWatch.ts"
import { type InstanceState, isRegistered } from "../InstanceState.ts"
import { about } from "../runs/RunTransitions.ts"
import type { SlotBook } from "./SlotBook.ts"

export interface Weighed {
  readonly _tag: "Weighed"
  readonly weights: ReadonlyArray<{ readonly tenant: TenantId; readonly weight: number }>
}

export const onWeighed = (
  { record, slots }: InstanceState,
  { weights }: Weighed,
  now: DecideContext["now"]
): Decision<InstanceEvent, void, never> => {
  const known = weights.filter(({ tenant }) => HashMap.has(slots.tenants, tenant))
  if (!isRegistered(record) || known.length === 0) return note([])
  return note([{ _tag: "instance.internal_slots_weighed", ...about(record), weights: known, at: now }])
}

/** For `propose` of the actor's layer: which weights have changed. Nothing is looked up twice for nothing. */
export const makeProposals = Effect.gen(function* () {
  const tenants = yield* Tenants
  const watch = yield* ChangeWatch.of(tenants.changes)
  const compared = new WeakMap<SlotBook["tenants"], number>()
  return Effect.fnUntraced(function* ({ slots }: InstanceState) {
    const { revision } = watch
    if (HashMap.isEmpty(slots.tenants) || compared.get(slots.tenants) === revision) return undefined
    const weights: Array<Weighed["weights"][number]> = []
    for (const [id, { weight }] of slots.tenants) {
      const tenant = TenantId.make(id)
      const status = yield* tenants.of(tenant)
      if (status === undefined) return undefined
      if (status.weight !== weight) weights.push({ tenant, weight: status.weight })
    }
    if (weights.length > 0) return { signal: { _tag: "Weighed", weights } as const, onCommitted: Effect.void }
    compared.set(slots.tenants, revision)
    return undefined
  })
})
