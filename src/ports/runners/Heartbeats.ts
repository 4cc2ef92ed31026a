/**
 * How a runner reports that it serves an instance, and learns whether the cluster still takes it for the one that does.
 * By default no heartbeats are recorded, no instance is ever retired, and each runner is always the one.
 */
import { Context, Effect, Schedule, type Scope } from "effect"
import { heartbeatMillis } from "../../schema/instance/Liveness.ts"

export interface Holding {
  readonly entityId: string
  readonly epoch: number
  /** Runs no longer than it takes to write a file. */
  readonly renew: Effect.Effect<void>
  /** Whether nothing runs there, so that it may be kept while the store does not answer. */
  readonly isIdle: Effect.Effect<boolean>
}

export interface HeartbeatsShape {
  /**
   * Calls `renew` at every heartbeat, until the scope closes, while the store confirms that the instance's shard has
   * this epoch and that its owner is alive for every reader; within `confirmedWithinMillis` of the confirmation. So
   * nothing is renewed of an instance that others have begun to take for lost.
   */
  readonly hold: (holding: Holding) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Records heartbeats of the instance until the scope closes. They count only while the instance's shard has this
   * epoch. The inner effect completes when the instance turns out to be retired.
   */
  readonly keep: (entityId: string, epoch: number) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
  /**
   * Milliseconds since the instance was last heard of, by the store's clock; undefined when it never was. Waits while
   * the store does not answer.
   */
  readonly silentMillis: (entityId: string) => Effect.Effect<number | undefined>
  /**
   * True when the instance was deregistered without its runner: its actor must stop the gateway and remove itself.
   * Waits while the store does not answer.
   */
  readonly isRetired: (entityId: string) => Effect.Effect<boolean>
}

export const Heartbeats = Context.Reference<HeartbeatsShape>("clawster/ports/runners/Heartbeats", {
  defaultValue: () => ({
    hold: ({ renew }) => Effect.asVoid(Effect.forkScoped(Effect.repeat(renew, Schedule.spaced(heartbeatMillis)))),
    keep: () => Effect.succeed(Effect.never),
    silentMillis: () => Effect.succeed(undefined),
    isRetired: () => Effect.succeed(false)
  })
})
