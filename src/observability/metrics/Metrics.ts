/**
 * Recording into the metrics of `Names.ts`, and nothing else: a name or label that is not in the list does not compile.
 */
import { Duration, Effect, Metric } from "effect"
import { type MetricName, metrics } from "./Names.ts"

type Metrics = typeof metrics

export type Name = keyof Metrics
export type Labels<N extends Name> = { readonly [Label in Metrics[N]["labels"][number]]: string }

type Series = Metric.Metric<number, unknown>

/** Only a cache: the registry owns the series. */
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

/** Counter: adds. Gauge: sets. Histogram: observes. */
export const record = <N extends Name>(name: N, value: number, labels: Labels<N>): Effect.Effect<void> =>
  Metric.update(series(name, labels), value)

/** Gauge only: adds, or takes away. */
export const adjust = <N extends Name>(name: N, by: number, labels: Labels<N>): Effect.Effect<void> =>
  Metric.modify(series(name, labels), by)

/** The series of what is gone is not exported any more. */
export const forget = <N extends Name>(name: N, labels: Labels<N>): Effect.Effect<void> =>
  Metric.remove(series(name, labels))

/** Runs the effect and observes its time, in seconds, when it succeeds. */
export const timed = <N extends Name, A, E, R>(
  name: N,
  labels: Labels<N>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.timed(effect), ([duration, value]) =>
    Effect.as(record(name, Duration.toSeconds(duration), labels), value)
  )
