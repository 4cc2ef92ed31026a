/**
 * Logs and telemetry of one process, configured by its environment: `CLAWSTER_LOG`, `CLAWSTER_LOG_LEVEL`,
 * `CLAWSTER_TRACE_RATIO` and the `OTEL_` variables of OtlpSettings.ts. Provide this layer outermost. Metrics need no
 * layer: they are always recorded, and exported where `layerMetrics` is routed.
 */
import { type Config, Layer } from "effect"
import type { HttpRouter } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import * as Logs from "./Logs.ts"
import * as Tracing from "./Tracing.ts"

/**
 * `service` is the kind of process: `runner`, `gateway`, `migrate`. `instance` identifies the process, for example by
 * its address, in every log line and on every span. Fails on an invalid setting, with its name.
 */
export const layer = (
  service: string,
  instance?: string
): Layer.Layer<never, Config.ConfigError | Tracing.TelemetryUnsupported> =>
  Layer.merge(Logs.layer(service, instance), Tracing.layer(service, instance))

/** `GET /metrics` in the Prometheus text format. */
export const layerMetrics: Layer.Layer<never, never, HttpRouter.HttpRouter> = PrometheusMetrics.layerHttp({
  path: "/metrics"
})
