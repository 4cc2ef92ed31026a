/**
 * How a runner reports that it serves an instance, and how it learns that the instance was deregistered while no runner
 * had it. By default no heartbeats are recorded, and no instance is ever retired.
 */
import { Context, Effect, type Scope } from "effect"

export interface HeartbeatsShape {
  /**
   * Records heartbeats of the instance until the scope closes. They count only while the instance's shard has this
   * epoch. The inner effect completes when the instance turns out to be retired.
   */
  readonly keep: (entityId: string, epoch: number) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
  /**
   * True when the instance was deregistered without its runner: its actor must stop the gateway and remove itself.
   * Waits while the store does not answer.
   */
  readonly isRetired: (entityId: string) => Effect.Effect<boolean>
}

export const Heartbeats = Context.Reference<HeartbeatsShape>("clawster/ports/runners/Heartbeats", {
  defaultValue: () => ({ keep: () => Effect.succeed(Effect.never), isRetired: () => Effect.succeed(false) })
})
