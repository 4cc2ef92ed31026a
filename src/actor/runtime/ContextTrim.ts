/**
 * Reduces Effect contexts to the services that are needed. For each entity in memory the cluster module copies the
 * context in which the entity type was registered and the one in which its sharding was created: every unneeded service
 * would be kept a hundred thousand times.
 */
import { Clock, Console, Context, Effect, Layer, Metric, Random, References, Scope } from "effect"

/** Services that all fibers use. */
const ofAllFibers: ReadonlyArray<string> = [
  ...Object.values(References),
  Clock.Clock,
  Console.Console,
  Metric.CurrentMetricAttributes,
  Metric.FiberRuntimeMetrics,
  Metric.MetricRegistry,
  Random.Random,
  Scope.Scope
].map(({ key }) => key)

const only = (
  context: Context.Context<never>,
  services: ReadonlyArray<Context.Key<any, any>>
): Context.Context<any> => {
  const kept = new Set([...ofAllFibers, ...services.map(({ key }) => key)])
  return Context.makeUnsafe(new Map([...context.mapUnsafe].filter(([key]) => kept.has(key))))
}

/** Runs the effect with only these services and those of all fibers in its context. */
export const run = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  services: ReadonlyArray<Context.Key<R, any>>
): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.setContext(effect, only(context as Context.Context<never>, services))
  )

/** Builds the layer in the same reduced context. */
export const layer = <A, E, R>(
  self: Layer.Layer<A, E, R>,
  services: ReadonlyArray<Context.Key<R, any>>
): Layer.Layer<A, E, R> =>
  Layer.effectContext(run(Layer.build(self), services as ReadonlyArray<Context.Key<any, any>>)) as Layer.Layer<A, E, R>
