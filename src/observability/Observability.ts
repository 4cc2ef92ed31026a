/**
 * Logs and telemetry of one process, by its environment: `CLAWSTER_LOG`, `CLAWSTER_LOG_LEVEL`, `CLAWSTER_TRACE_RATIO`
 * and the `OTEL_` variables of OtlpSettings.ts. Provide it last, around everything. Metrics need no layer: they are
 * always counted, and exported where `layerMetrics` is routed.
 */
import { type Config, Layer } from "effect"
import type { HttpRouter } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import * as Logs from "./Logs.ts"
import * as Tracing from "./Tracing.ts"

/**
 * `service` is the process's kind: `runner`, `gateway`, `migrate`. `instance`: which of them, such as its address; in
 * every log line and on every span. A bad setting fails, and says which.
 */
export const layer = (
  service: string,
  instance?: string
): Layer.Layer<never, Config.ConfigError | Tracing.TelemetryUnsupported> =>
  Layer.merge(Logs.layer(service, instance), Tracing.layer(service, instance))

/** `GET /metrics` in the text format of Prometheus. */
export const layerMetrics: Layer.Layer<never, never, HttpRouter.HttpRouter> = PrometheusMetrics.layerHttp({
  path: "/metrics"
})
