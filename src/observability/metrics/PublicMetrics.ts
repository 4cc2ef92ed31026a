/**
 * The metrics that `/metrics` shows without a key: nothing that identifies a tenant or an instance dedicated to one. A
 * series is public when all of its labels are in `publicLabels` (Names.ts) and it does not belong to a dedicated
 * instance, so that a new label is private until it is added there.
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
