/**
 * The W3C `traceparent` of what runs now, to be carried where a span cannot go: into a task's row, through the outbox
 * and to the gateway. It is carried on also where this process exports no traces.
 */
import { Context, Effect, Option, Tracer } from "effect"
import { Hex } from "effect/encoding"
import { Headers, HttpTraceContext } from "effect/http"

/** Undefined when it is not a valid header: what is invalid is not passed on. */
export const parse = (traceparent: string | undefined): Tracer.ExternalSpan | undefined =>
  traceparent === undefined
    ? undefined
    : Option.getOrUndefined(HttpTraceContext.w3c(Headers.fromRecordUnsafe({ traceparent })))

const isText = (value: unknown, shape: RegExp): boolean => typeof value === "string" && shape.test(value)

/** Callers of RPCs name the span in the envelope, which nothing has checked: its ids may be any value, or absent. */
const isIdentified = ({ spanId, traceId }: Tracer.AnySpan): boolean =>
  isText(traceId, /^[0-9a-f]{1,32}$/) && isText(spanId, /^[0-9a-f]{16}$/)

/**
 * The nearest span that has an identity: where tracing is off spans have none, and the one that came in from outside
 * counts.
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

/** Undefined outside any trace. */
export const current: Effect.Effect<string | undefined> = Effect.contextWith((context: Context.Context<never>) =>
  Effect.succeed(ofSpan(Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))))
)

/**
 * The current one, or one of a new trace that nobody samples: at the edge every request gets an identity to correlate
 * by.
 */
export const ensure: Effect.Effect<string> = Effect.flatMap(current, (found) =>
  found === undefined ? Effect.sync(() => `00-${Hex.random(32)}-${Hex.random(16)}-00`) : Effect.succeed(found)
)

/** The trace id, which is also the correlation id of log lines. */
export const correlationId = (traceparent: string | undefined): string | undefined => parse(traceparent)?.traceId

/** Runs the effect in the trace of the span; with none, in whatever trace runs now. */
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

/** Runs the effect in the trace that the header names; with no or an invalid one, in whatever trace runs now. */
export const within = (traceparent: string | undefined) => under(parse(traceparent))
