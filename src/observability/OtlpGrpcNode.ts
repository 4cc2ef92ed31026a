/**
 * Exports traces to an OTLP collector over gRPC with OpenTelemetry's own exporter, because `effect/observability`
 * supports HTTP only.
 */
import { Metadata, credentials } from "@grpc/grpc-js"
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import * as Resource from "@effect/opentelemetry/Resource"
import { type Context, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc"
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base"
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type Span,
  type SpanProcessor
} from "@opentelemetry/sdk-trace-base"
import { Layer, Redacted } from "effect"
import type { Destination } from "./OtlpSettings.ts"
import { isSampled } from "./Sampling.ts"

/** Maximum number of spans waiting to be sent; further spans are dropped. */
const spansWaiting = 8_192

/**
 * Samples at the root of a trace, by its id; child spans follow their parent. Unsampled spans are recorded as well,
 * because they may fail.
 */
const samplerOf = (ratio: number): Sampler => ({
  shouldSample: (context: Context, traceId: string) => {
    const parent = trace.getSpanContext(context)
    const sampled = parent === undefined ? isSampled(traceId, ratio) : (parent.traceFlags & TraceFlags.SAMPLED) !== 0
    return { decision: sampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.RECORD }
  },
  toString: () => `by trace id, ${ratio}`
})

/** The same span with the sampled flag, which the batch processor requires. */
const asSampled = (span: ReadableSpan): ReadableSpan => {
  const context = { ...span.spanContext(), traceFlags: TraceFlags.SAMPLED }
  return Object.create(span, { spanContext: { value: () => context } }) as ReadableSpan
}

/** Exports the spans of sampled traces, and every failed span. */
class FailuresAlways implements SpanProcessor {
  readonly #batch: BatchSpanProcessor

  constructor(batch: BatchSpanProcessor) {
    this.#batch = batch
  }

  onStart(span: Span, context: Context): void {
    this.#batch.onStart(span as never, context)
  }

  onEnd(span: ReadableSpan): void {
    this.#batch.onEnd(span.status.code === SpanStatusCode.ERROR ? asSampled(span) : span)
  }

  forceFlush(): Promise<void> {
    return this.#batch.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#batch.shutdown()
  }
}

const exporterOf = ({ compression, headers, url }: Destination): OTLPTraceExporter => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(Redacted.value(headers))) metadata.set(name, value)
  return new OTLPTraceExporter({
    url,
    metadata,
    credentials: url.startsWith("https:") ? credentials.createSsl() : credentials.createInsecure(),
    compression: compression === "gzip" ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    timeoutMillis: 10_000
  })
}

/** When the layer closes, buffered spans are sent, for at most 3 seconds. */
export const layer = (
  service: { readonly serviceName: string; readonly attributes: Readonly<Record<string, string>> },
  destination: Destination,
  ratio: number
): Layer.Layer<never> => {
  const processor = new FailuresAlways(
    new BatchSpanProcessor(exporterOf(destination), {
      maxQueueSize: spansWaiting,
      maxExportBatchSize: 1_024,
      scheduledDelayMillis: 5_000
    })
  )
  return OtelTracer.layer.pipe(
    Layer.provide(NodeSdk.layerTracerProvider(processor, { sampler: samplerOf(ratio), shutdownTimeout: "3 seconds" })),
    Layer.provide(Resource.layerFromEnv(Resource.configToAttributes(service))),
    Layer.orDie
  ) as Layer.Layer<never>
}
