/**
 * Contexts without what is not asked for. The cluster module copies the context that an entity type was registered in,
 * and the one that its sharding was made in, for each entity in memory: a service that merely happened to be there
 * would be paid for a hundred thousand times.
 */
import { Clock, Console, Context, Effect, Layer, Metric, Random, References, Scope } from "effect"

/** What fibers go by, whatever they serve. */
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

/** Runs the effect with these services, and those of all fibers, in its context. */
export const run = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  services: ReadonlyArray<Context.Key<R, any>>
): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.setContext(effect, only(context as Context.Context<never>, services))
  )

/** Builds the layer likewise. */
export const layer = <A, E, R>(
  self: Layer.Layer<A, E, R>,
  services: ReadonlyArray<Context.Key<R, any>>
): Layer.Layer<A, E, R> =>
  Layer.effectContext(run(Layer.build(self), services as ReadonlyArray<Context.Key<any, any>>)) as Layer.Layer<A, E, R>
