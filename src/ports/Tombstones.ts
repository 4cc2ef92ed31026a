/**
 * Instances that were deregistered without their runner. Such a one is in no list and gets no work from the moment its
 * tombstone is there; its actor obeys when a runner has it again: it stops its gateway and removes itself. Absent:
 * nothing is ever deregistered so.
 */
import { Context, Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"

export interface TombstonesShape {
  readonly put: (entityId: string) => Effect.Effect<void, ActorUnavailable>
  readonly has: (entityId: string) => Effect.Effect<boolean, ActorUnavailable>
  /** For one that is registered again, once its actor is gone. */
  readonly remove: (entityId: string) => Effect.Effect<void, ActorUnavailable>
}

export const Tombstones = Context.Reference<TombstonesShape>("clawster/ports/Tombstones", {
  defaultValue: () => ({ put: () => Effect.void, has: () => Effect.succeed(false), remove: () => Effect.void })
})
