/**
 * Logs and traces of one process, by its environment: `CLAWSTER_LOG`, `CLAWSTER_LOG_LEVEL`, `OTEL_EXPORTER_OTLP_ENDPOINT`, `CLAWSTER_TRACE_RATIO`. Provide it
 * last, around everything. Metrics need no layer: they are always counted, and exported where `layerMetrics` is routed.
 */
import { type Config, Layer } from "effect"
import type { HttpRouter } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import * as Logs from "./Logs.ts"
import * as Tracing from "./Tracing.ts"

/** `service` is the process's kind: `runner`, `gateway`, `migrate`. A bad setting fails, and says which. */
export const layer = (service: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.merge(Logs.layer(service), Tracing.layer(service))

/** `GET /metrics` in the text format of Prometheus. */
export const layerMetrics: Layer.Layer<never, never, HttpRouter.HttpRouter> = PrometheusMetrics.layerHttp({
  path: "/metrics"
})
