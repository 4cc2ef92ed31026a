/**
 * The W3C `traceparent` of the current span, for places where a span cannot be passed: a task's row, the outbox, and
 * the gateway. It is passed on even when this process exports no traces.
 */
import { Context, Effect, Option, Tracer } from "effect"
import { Hex } from "effect/encoding"
import { Headers, HttpTraceContext } from "effect/http"

/** Undefined when the header is not valid: an invalid header is not passed on. */
export const parse = (traceparent: string | undefined): Tracer.ExternalSpan | undefined =>
  traceparent === undefined
    ? undefined
    : Option.getOrUndefined(HttpTraceContext.w3c(Headers.fromRecordUnsafe({ traceparent })))

const isText = (value: unknown, shape: RegExp): boolean => typeof value === "string" && shape.test(value)

/** RPC callers send the span in the envelope, where it has not been validated: its ids may be any value, or absent. */
const isIdentified = ({ spanId, traceId }: Tracer.AnySpan): boolean =>
  isText(traceId, /^[0-9a-f]{1,32}$/) && isText(spanId, /^[0-9a-f]{16}$/)

/**
 * The nearest span with valid ids. Where tracing is disabled, local spans have none, so the span received from outside
 * is used.
 */
const identified = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  let at = span
  while (at !== undefined && !isIdentified(at)) {
    at = at._tag === "Span" ? Option.getOrUndefined(at.parent) : undefined
  }
  return at
}

export const format = (span: Tracer.AnySpan): string =>
  `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}`

export const ofSpan = (span: Tracer.AnySpan | undefined): string | undefined => {
  const found = identified(span)
  return found === undefined ? undefined : format(found)
}

/** Undefined outside a trace. */
export const current: Effect.Effect<string | undefined> = Effect.contextWith((context: Context.Context<never>) =>
  Effect.succeed(ofSpan(Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))))
)

/**
 * The current traceparent, or that of a new unsampled trace: at the edge every request gets an identity for
 * correlation.
 */
export const ensure: Effect.Effect<string> = Effect.flatMap(current, (found) =>
  found === undefined ? Effect.sync(() => `00-${Hex.random(32)}-${Hex.random(16)}-00`) : Effect.succeed(found)
)

/** The trace id, which is also the correlation id of log lines. */
export const correlationId = (traceparent: string | undefined): string | undefined => parse(traceparent)?.traceId

/** Runs the effect in the trace of the span; without a span, in the current trace. */
export const under =
  (parent: Tracer.AnySpan | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    parent === undefined
      ? effect
      : (Effect.provideService(
          effect as Effect.Effect<A, E, R | Tracer.ParentSpan>,
          Tracer.ParentSpan,
          parent
        ) as Effect.Effect<A, E, R>)

/** Runs the effect in the trace of the header; without a valid header, in the current trace. */
export const within = (traceparent: string | undefined) => under(parse(traceparent))
