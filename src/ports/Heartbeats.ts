/**
 * How a runner says that it looks after an instance, and how it learns that the instance was deregistered while no
 * runner had it. Absent: nobody is told, and nothing is ever retired.
 */
import { Context, Effect, type Scope } from "effect"

export interface HeartbeatsShape {
  /**
   * Records heartbeats of the instance until the scope closes. They count only while the instance's shard has this
   * epoch. The inner effect completes when the instance turns out to be retired.
   */
  readonly keep: (entityId: string, epoch: number) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
  /**
   * Deregistered without its runner: the actor is to stop its gateway and to remove itself. Waits for as long as the
   * store does not answer.
   */
  readonly isRetired: (entityId: string) => Effect.Effect<boolean>
}

export const Heartbeats = Context.Reference<HeartbeatsShape>("clawster/ports/Heartbeats", {
  defaultValue: () => ({ keep: () => Effect.succeed(Effect.never), isRetired: () => Effect.succeed(false) })
})
