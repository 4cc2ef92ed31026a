/**
 * What `/metrics` shows to those who have no key: nothing by which a tenant or an instance of its own could be known. A
 * series is public when all of its labels are in `publicLabels` (Names.ts) and it is not of a dedicated instance, so
 * that a label that is new is private until somebody says otherwise.
 */
import { Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { publicLabels } from "./Names.ts"

const isPublic = (attributes: Readonly<Record<string, string>>): boolean =>
  attributes["tenancy"] !== "dedicated" && Object.keys(attributes).every((label) => publicLabels.has(label))

export const format: Effect.Effect<string> = Effect.flatMap(Metric.MetricRegistry, (registry) =>
  Effect.provideService(
    PrometheusMetrics.format(),
    Metric.MetricRegistry,
    new Map([...registry].filter(([, { attributes }]) => isPublic(attributes ?? {})))
  )
)
