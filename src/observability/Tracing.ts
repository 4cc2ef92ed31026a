/**
 * Export of telemetry to an OTLP collector, as OtlpSettings.ts describes: traces when an endpoint is set, metrics and
 * logs when requested. Without an endpoint no spans are created. Over HTTP, `effect/observability` exports; over gRPC,
 * OpenTelemetry's own exporter, which exports traces only.
 *
 * A trace is sampled at its root, by its id, so that every process makes the same decision; a failed span is exported
 * even when its trace is not sampled. Each exporter sends its buffer when it contains a bounded number of spans, or
 * after five seconds. When the collector is unreachable, the buffered spans are dropped.
 */
import { Cause, Config, Effect, Exit, Layer, Option, Redacted, References, Schema, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpExporter, OtlpLogger, OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import { type Destination, destination } from "./OtlpSettings.ts"
import { isSampled } from "./Sampling.ts"

const Ratio = Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

const settings = Config.all({
  /** Fraction of traces that is exported. */
  ratio: Config.schema(Ratio, "CLAWSTER_TRACE_RATIO").pipe(Config.withDefault(0.05)),
  name: Config.String("OTEL_SERVICE_NAME").pipe(Config.withDefault(""))
})

interface Service {
  readonly serviceName: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Telemetry was requested that this configuration cannot send. */
export class TelemetryUnsupported extends Schema.TaggedError<TelemetryUnsupported>()("TelemetryUnsupported", {
  message: Schema.String
}) {}

const isFailure = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)

/**
 * Decides at the root whether a trace is exported; child spans follow their parent. Failed spans are always exported.
 */
export const sampled = (tracer: Tracer.Tracer, ratio: number): Tracer.Tracer =>
  Tracer.make({
    ...(tracer.context === undefined ? {} : { context: tracer.context }),
    span: (options) => {
      const span = tracer.span(options)
      const mutable = span as { sampled: boolean; end: Tracer.Span["end"] }
      if (Option.isNone(options.parent)) mutable.sampled = options.sampled && isSampled(span.traceId, ratio)
      if (span.sampled) return span
      const end = span.end.bind(span)
      mutable.end = (endTime, exit) => {
        if (isFailure(exit)) mutable.sampled = true
        end(endTime, exit)
      }
      return span
    }
  })

const off = Layer.succeed(References.TracerEnabled, false)

const overHttp = ({ protocol }: Destination) =>
  Layer.mergeAll(
    OtlpExporter.layerFlusher,
    protocol === "http/protobuf" ? OtlpSerialization.layerProtobuf : OtlpSerialization.layerJson,
    FetchHttpClient.layer
  )

const optionsOf = (resource: Service, { compression, headers, url }: Destination) => ({
  url,
  resource,
  headers: Redacted.value(headers),
  compression
})

const tracesOverHttp = (service: Service, to: Destination, ratio: number) =>
  Layer.effect(
    Tracer.Tracer,
    Effect.map(OtlpTracer.make({ ...optionsOf(service, to), exportInterval: "5 seconds" }), (tracer) =>
      sampled(tracer, ratio)
    )
  ).pipe(Layer.provide(overHttp(to)))

/** Imported only when it is needed, because most processes do not use it. */
const tracesOverGrpc = (service: Service, to: Destination, ratio: number) =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./OtlpGrpcNode.ts")),
      (grpc) => grpc.layer(service, to, ratio)
    )
  )

const traces = (service: Service, ratio: number) =>
  Layer.unwrap(
    Effect.map(destination("TRACES"), (to) => {
      if (to === undefined) return off
      return to.protocol === "grpc" ? tracesOverGrpc(service, to, ratio) : tracesOverHttp(service, to, ratio)
    })
  )

/** Exports one signal over HTTP with `send`, or nothing when the signal was not requested. */
const alsoSent = <E>(signal: "METRICS" | "LOGS", send: (to: Destination) => Layer.Layer<never, E>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const to = yield* destination(signal)
      if (to === undefined) return Layer.empty
      if (to.protocol !== "grpc") return send(to)
      return yield* new TelemetryUnsupported({
        message: `${signal.toLowerCase()} are sent over HTTP only: set OTEL_EXPORTER_OTLP_${signal}_PROTOCOL=http/protobuf and OTEL_EXPORTER_OTLP_${signal}_ENDPOINT, or OTEL_${signal}_EXPORTER=none`
      })
    })
  )

const metricsAndLogs = (service: Service) =>
  Layer.merge(
    alsoSent("METRICS", (to) =>
      Layer.effectDiscard(OtlpMetrics.make(optionsOf(service, to))).pipe(Layer.provide(overHttp(to)))
    ),
    alsoSent("LOGS", (to) =>
      OtlpLogger.layer({ ...optionsOf(service, to), mergeWithExisting: true }).pipe(Layer.provide(overHttp(to)))
    )
  )

/**
 * `kind` is the kind of process and the service name, unless `OTEL_SERVICE_NAME` sets another. `instance` identifies
 * the process. When the layer closes, the buffers are sent, for at most 3 seconds.
 */
export const layer = (kind: string, instance?: string): Layer.Layer<never, Config.ConfigError | TelemetryUnsupported> =>
  Layer.unwrap(
    Config.map(settings, ({ name, ratio }) => {
      const service: Service = {
        serviceName: name.trim() === "" ? kind : name.trim(),
        attributes: instance === undefined ? {} : { "service.instance.id": instance }
      }
      return Layer.merge(traces(service, ratio), metricsAndLogs(service))
    })
  )
