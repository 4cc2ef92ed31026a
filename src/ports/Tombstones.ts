/**
 * Instances that were deregistered without their runner. Once its tombstone exists, an instance is in no list and gets
 * no work. When a runner has it again, its actor stops the gateway and removes itself. By default no instance is
 * deregistered in this way.
 */
import { Context, Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"

export interface TombstonesShape {
  readonly put: (entityId: string) => Effect.Effect<void, ActorUnavailable>
  readonly has: (entityId: string) => Effect.Effect<boolean, ActorUnavailable>
  /** Called when the instance is registered again, after its actor was removed. */
  readonly remove: (entityId: string) => Effect.Effect<void, ActorUnavailable>
}

export const Tombstones = Context.Reference<TombstonesShape>("clawster/ports/Tombstones", {
  defaultValue: () => ({ put: () => Effect.void, has: () => Effect.succeed(false), remove: () => Effect.void })
})
