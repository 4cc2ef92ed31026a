/**
 * The span of one run of a task or turn at its instance. It continues the trace in which the task was submitted, in
 * whichever process that was. The gateway receives this span's `traceparent`.
 */
import { Clock, Context, Effect, Exit, type Fiber, Logger, LogLevel, Option, References, Tracer } from "effect"
import { spanAttributes, spanEvents, spans } from "./metrics/Names.ts"
import * as Traceparent from "./Traceparent.ts"

export interface RunFacts {
  /** The traceparent of the submitter. */
  readonly traceparent?: string | undefined
  readonly tenantId: string
  readonly instanceId?: string | undefined
  readonly taskId?: string | undefined
  readonly sessionId?: string | undefined
  readonly turnId?: string | undefined
  readonly attempt?: number | undefined
}

/** Removes undefined values, which would otherwise be exported as such. */
const known = (facts: Record<string, unknown>): Record<string, unknown> => {
  const found: Record<string, unknown> = {}
  for (const name in facts) if (facts[name] !== undefined) found[name] = facts[name]
  return found
}

const attributesOf = (facts: RunFacts): Record<string, unknown> =>
  known({
    [spanAttributes.tenantId]: facts.tenantId,
    [spanAttributes.instanceId]: facts.instanceId,
    [spanAttributes.taskId]: facts.taskId,
    [spanAttributes.sessionId]: facts.sessionId,
    [spanAttributes.turnId]: facts.turnId,
    [spanAttributes.attempt]: facts.attempt
  })

/** Runs an effect in the trace of the submitter, with the ids of the run in its log lines. */
const inTrace = (facts: RunFacts, also: Record<string, unknown> = {}) => {
  const parent = Traceparent.parse(facts.traceparent)
  const fields = known({
    tenant_id: facts.tenantId,
    instance_id: facts.instanceId,
    target_instance: facts.instanceId,
    task_id: facts.taskId,
    correlation_id: parent?.traceId,
    ...also
  })
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.annotateLogs(Traceparent.under(parent)(effect), fields)
}

/** Adds an event to the current span, if there is one. */
const note = (name: string, attributes: Record<string, unknown> = {}): Effect.Effect<void> =>
  Effect.flatMap(Effect.option(Effect.currentSpan), (span) =>
    span._tag === "None"
      ? Effect.void
      : Effect.map(Clock.currentTimeNanos, (now) => span.value.event(name, now, attributes))
  )

/** How a run ended. With `error` the run failed, and its span is a failure. */
export interface RunEnd {
  readonly status: string
  readonly error?: { readonly code: string; readonly message: string } | undefined
}

class RunFailed<A> extends Error {
  readonly _tag = "RunFailed"
  readonly result: A
  constructor(result: A, { error, status }: RunEnd) {
    super(error === undefined ? status : `${error.code}: ${error.message}`)
    this.result = result
  }
}

/**
 * Whether a line of this level is logged at all. Unlogged lines are not built, because there may be thousands per
 * second.
 */
const isRead = (fiber: Fiber.Fiber<unknown, unknown>, level: "Debug" | "Info" | "Warn"): boolean =>
  fiber.getRef(Logger.CurrentLoggers).size > 0 &&
  LogLevel.isGreaterThanOrEqualTo(level, fiber.getRef(References.MinimumLogLevel))

const reported = (facts: RunFacts, { error, status }: RunEnd, latencyMillis: number): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (!isRead(fiber, error === undefined ? "Debug" : "Warn")) return Effect.void
    const line =
      error === undefined
        ? Effect.logDebug("A run has ended")
        : Effect.logWarning(`A run has failed: ${error.code}: ${error.message}`)
    const fields = { event: "run.ended", latency_ms: latencyMillis, status, attempt: facts.attempt }
    return Effect.annotateLogs(line, known(fields))
  })

const spanned =
  <A>(facts: RunFacts, endOf: (result: A) => RunEnd) =>
  <E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const started = yield* Clock.currentTimeMillis
      yield* note(spanEvents.started)
      const result = yield* effect
      const end = endOf(result)
      yield* Effect.annotateCurrentSpan(spanAttributes.totalDurationMillis, (yield* Clock.currentTimeMillis) - started)
      yield* Effect.annotateCurrentSpan(spanAttributes.status, end.status)
      yield* note(spanEvents.completed, { [spanAttributes.status]: end.status })
      return end.error === undefined ? result : yield* Effect.fail(new RunFailed(result, end))
    }).pipe(
      Effect.withSpan(
        facts.turnId === undefined ? spans.taskRun : spans.turnRun,
        { kind: "consumer", attributes: attributesOf(facts) },
        { captureStackTrace: false }
      ),
      Effect.catch((error) =>
        error instanceof RunFailed ? Effect.succeed(error.result as A) : Effect.fail(error as E)
      )
    )

/**
 * Runs the effect in its own span when tracing is enabled, and adds the ids of the run to the log lines inside it. The
 * span fails when the effect fails, or when `endOf` reports an error for its result; that result is still returned as a
 * success.
 */
export const run =
  <A>(facts: RunFacts, endOf: (result: A) => RunEnd) =>
  <E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const started = clock.currentTimeMillisUnsafe()
      const told = Effect.tap(effect, (result) =>
        reported(facts, endOf(result), clock.currentTimeMillisUnsafe() - started)
      )
      return inTrace(facts)(fiber.getRef(References.TracerEnabled) ? spanned(facts, endOf)(told) : told)
    })

/** Records that the gateway was asked to run the agent. */
export const agentInvoked = (agent: string): Effect.Effect<void> =>
  note(spanEvents.agentInvoked, { [spanAttributes.agent]: agent })

export const toolCalled = (tool: string): Effect.Effect<void> =>
  note(spanEvents.toolCalled, { [spanAttributes.tool]: tool })

export interface TaskEnd extends RunFacts {
  readonly taskId: string
  /** Unix milliseconds. */
  readonly submittedAt: number
  readonly endedAt: number
  readonly outcome: string
  readonly error?: { readonly code: string; readonly message: string } | undefined
}

const nanos = (millis: number): bigint => BigInt(Math.round(millis)) * 1_000_000n

/** Creates a span for a task that has already ended. */
const pastSpan = (name: string, { endedAt, error, ...facts }: TaskEnd): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (!(yield* References.TracerEnabled)) return
    const tracer = yield* Tracer.Tracer
    const parent = yield* Effect.option(Effect.currentParentSpan)
    const span = tracer.span({
      name,
      parent,
      annotations: Context.empty(),
      links: [],
      startTime: nanos(facts.submittedAt),
      kind: "internal",
      root: false,
      sampled: Option.isNone(parent) || parent.value.sampled
    })
    const attributes = {
      ...attributesOf(facts),
      [spanAttributes.status]: facts.outcome,
      [spanAttributes.totalDurationMillis]: endedAt - facts.submittedAt
    }
    for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
    span.end(nanos(endedAt), error === undefined ? Exit.void : Exit.fail(new Error(`${error.code}: ${error.message}`)))
  })

const isEndWanted = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(References.TracerEnabled) || isRead(fiber, "Info")

/**
 * Records the end of a whole task, from its submission over all its attempts: one log line, and one span beside the
 * spans of its runs, so that a trace shows how long the caller waited in total.
 */
export const taskEnded = (end: TaskEnd): Effect.Effect<void> => {
  const { attempt, endedAt, error, outcome, submittedAt } = end
  const why = error === undefined ? "" : `: ${error.code}: ${error.message}`
  const line = Effect.logInfo(`A task has ended: ${outcome}${why}`)
  return Effect.andThen(line, pastSpan(spans.task, end)).pipe(
    inTrace(end, { event: `task.${outcome}`, latency_ms: endedAt - submittedAt, attempt })
  )
}

/** Records several ends. `ends` is evaluated only when tracing is enabled or the lines are logged. */
export const tasksEnded = (ends: () => ReadonlyArray<TaskEnd>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => (isEndWanted(fiber) ? Effect.forEach(ends(), taskEnded, { discard: true }) : Effect.void))
