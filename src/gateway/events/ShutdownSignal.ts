/**
 * Signals open sockets that the server is about to stop, so that they close and their clients reconnect elsewhere
 * immediately.
 */
import { Context, Deferred, Effect, Layer } from "effect"

export class Farewell extends Context.Service<
  Farewell,
  {
    readonly say: Effect.Effect<void>
    readonly said: Effect.Effect<void>
  }
>()("clawster/gateway/ShutdownSignal") {
  static readonly layer = Layer.effect(
    Farewell,
    Effect.map(Deferred.make<void>(), (deferred) =>
      Farewell.of({ say: Effect.asVoid(Deferred.succeed(deferred, undefined)), said: Deferred.await(deferred) })
    )
  )
}
