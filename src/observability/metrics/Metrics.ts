/** Records the metrics of `Names.ts`: a name or label that is not in the list does not compile. */
import { type Context, Duration, Effect, Metric } from "effect"
import { type MetricName, metrics } from "./Names.ts"

type Metrics = typeof metrics

export type Name = keyof Metrics
export type Labels<N extends Name> = { readonly [Label in Metrics[N]["labels"][number]]: string }

type Series = Metric.Metric<number, unknown>

/** Maximum number of cached series. The registry owns the series, so the cache may be cleared at any time. */
const seriesCached = 4_096
const cache = new Map<string, Series>()

const build = (name: Name, attributes: Record<string, string>): Series => {
  const { boundaries, help: description, kind }: MetricName = metrics[name]
  switch (kind) {
    case "counter":
      return Metric.counter(name, { description, attributes, incremental: true })
    case "gauge":
      return Metric.gauge(name, { description, attributes })
    case "histogram":
      return Metric.histogram(name, { description, attributes, boundaries: boundaries ?? [] })
  }
}

const series = (name: Name, labels: Record<string, string>): Series => {
  let key: string = name
  for (const label of metrics[name].labels) key += `\n${labels[label]}`
  let found = cache.get(key)
  if (found === undefined) {
    if (cache.size >= seriesCached) cache.clear()
    found = build(name, labels)
    cache.set(key, found)
  }
  return found
}

/** Adds to a counter, sets a gauge, or observes a value in a histogram. */
export const record = <N extends Name>(name: N, value: number, labels: Labels<N>): Effect.Effect<void> =>
  Metric.update(series(name, labels), value)

/**
 * The same at once, without an effect: for code that runs for each command. The returned function records one series in
 * the registry of the context.
 */
export const recorder = <N extends Name>(
  name: N,
  labels: Labels<N>,
  context: Context.Context<never>
): ((value: number) => void) => {
  const one = build(name, labels)
  return (value) => one.updateUnsafe(value, context)
}

/** Adds to a gauge, or subtracts with a negative number. */
export const adjust = <N extends Name>(name: N, by: number, labels: Labels<N>): Effect.Effect<void> =>
  Metric.modify(series(name, labels), by)

/** Stops the export of the series, for objects that no longer exist. */
export const forget = <N extends Name>(name: N, labels: Labels<N>): Effect.Effect<void> =>
  Metric.remove(series(name, labels))

/** Runs the effect and observes its duration in seconds when it succeeds. */
export const timed = <N extends Name, A, E, R>(
  name: N,
  labels: Labels<N>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.timed(effect), ([duration, value]) =>
    Effect.as(record(name, Duration.toSeconds(duration), labels), value)
  )
