/**
 * A layer whose closing may hang, and must not hold up the rest.
 *
 * effect 4.1.0's `RpcServer` waits at shutdown until each client has ended; one that disconnects in that moment, as the
 * peers of a runner do that was frozen, is taken from the list without telling who waits, and the process stays for
 * ever (RpcServer.ts, `disconnect` and `shutdownLatch`).
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
