/**
 * Traces to an OTLP collector over HTTP (JSON), when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; without it no span is made at all. A trace is sampled at
 * its root, by its id, so that every process that sees it decides alike; a span that fails is exported also where its trace is not. The exporter
 * buffers up to a thousand spans, or five seconds; when the collector is away it drops what it has and tries again after a minute.
 */
import { Cause, Config, Effect, Exit, Layer, Option, References, Schema, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpExporter, OtlpSerialization, OtlpTracer } from "effect/observability"

/** Set to nothing is not set. */
const Endpoint = Schema.String.check(
  Schema.isPattern(/^\s*$|^https?:\/\/[^\s/]+\S*$/, {
    expected: "an http:// or https:// URL of an OTLP/HTTP collector, such as http://collector:4318"
  })
)
const Ratio = Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

const settings = Config.all({
  endpoint: Config.schema(Endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT").pipe(
    Config.withDefault(""),
    Config.map((text) => text.trim().replace(/\/+$/, ""))
  ),
  /** Share of traces exported. */
  ratio: Config.schema(Ratio, "CLAWSTER_TRACE_RATIO").pipe(Config.withDefault(0.05))
})

const isFailure = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)

/** The first 32 bits of the id as a share of one. Ids are random, so is the decision. */
const share = (traceId: string): number => Number.parseInt(traceId.slice(0, 8), 16) / 2 ** 32

/** Decides at the root whether a trace is exported; below it, spans follow their parent. Failures are exported always. */
export const sampled = (tracer: Tracer.Tracer, ratio: number): Tracer.Tracer =>
  Tracer.make({
    ...(tracer.context === undefined ? {} : { context: tracer.context }),
    span: (options) => {
      const span = tracer.span(options)
      const mutable = span as { sampled: boolean; end: Tracer.Span["end"] }
      if (Option.isNone(options.parent)) mutable.sampled = options.sampled && share(span.traceId) < ratio
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

const exporting = (service: string, endpoint: string, ratio: number) =>
  Layer.effect(
    Tracer.Tracer,
    Effect.map(
      OtlpTracer.make({
        url: `${endpoint}/v1/traces`,
        resource: { serviceName: service },
        exportInterval: "5 seconds"
      }),
      (tracer) => sampled(tracer, ratio)
    )
  ).pipe(Layer.provide([OtlpExporter.layerFlusher, OtlpSerialization.layerJson, FetchHttpClient.layer]))

/** Spans left in the buffer are sent when the layer closes, for at most 3 seconds. */
export const layer = (service: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(
    Config.map(settings, ({ endpoint, ratio }) => (endpoint === "" ? off : exporting(service, endpoint, ratio)))
  )
