/**
 * Signals open sockets that the server is about to stop, so that they close and their clients reconnect elsewhere
 * immediately.
 */
import { Context, Deferred, Effect, Layer } from "effect"

export class ShutdownSignal extends Context.Service<
  ShutdownSignal,
  {
    readonly say: Effect.Effect<void>
    readonly said: Effect.Effect<void>
  }
>()("clawster/gateway/ShutdownSignal") {
  static readonly layer = Layer.effect(
    ShutdownSignal,
    Effect.map(Deferred.make<void>(), (deferred) =>
      ShutdownSignal.of({ say: Effect.asVoid(Deferred.succeed(deferred, undefined)), said: Deferred.await(deferred) })
    )
  )
}
