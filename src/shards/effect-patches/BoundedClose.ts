/**
 * Bounds the closing of a layer whose finalizers may hang, so that it does not hold up the rest of the shutdown.
 *
 * effect 4.1.0's `RpcServer` waits at shutdown until each client has ended. A client that disconnects at that moment,
 * as the peers of a frozen runner do, is removed from the list without notifying the waiter, and the process never
 * exits (RpcServer.ts, `disconnect` and `shutdownLatch`).
 */
import { type Duration, Effect, Fiber, Layer, Scope } from "effect"

export const within =
  (limit: Duration.Input) =>
  <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
    Layer.effectContext(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Effect.addFinalizer((exit) =>
          Effect.gen(function* () {
            const closing = yield* Effect.forkDetach(Scope.close(scope, exit))
            yield* Fiber.await(closing).pipe(Effect.interruptible, Effect.timeoutOption(limit))
          })
        )
        return yield* Layer.buildWithScope(layer, scope)
      })
    ) as Layer.Layer<A, E, R>
