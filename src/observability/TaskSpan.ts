/**
 * The span of one run of a task or a turn at its instance. It continues the trace that the task was submitted in,
 * whatever process that was, and its own `traceparent` is what the gateway gets.
 */
import { Clock, Context, Effect, Exit, type Fiber, Logger, LogLevel, Option, References, Tracer } from "effect"
import { spanAttributes, spanEvents, spans } from "./metrics/Names.ts"
import * as Traceparent from "./Traceparent.ts"

export interface RunFacts {
  /** Of whoever submitted it. */
  readonly traceparent?: string | undefined
  readonly tenantId: string
  readonly instanceId?: string | undefined
  readonly taskId?: string | undefined
  readonly sessionId?: string | undefined
  readonly turnId?: string | undefined
  readonly attempt?: number | undefined
}

/** Without what is undefined, which would be told as such. */
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

/** In the trace of whoever submitted it, with the ids of the run in the log lines. */
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

/** Adds an event to the span that runs now, if any. */
const note = (name: string, attributes: Record<string, unknown> = {}): Effect.Effect<void> =>
  Effect.flatMap(Effect.option(Effect.currentSpan), (span) =>
    span._tag === "None"
      ? Effect.void
      : Effect.map(Clock.currentTimeNanos, (now) => span.value.event(name, now, attributes))
  )

/** How a run ended. `error`: it failed, so its span is one of a failure. */
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

/** Whether anybody reads lines of the level: what nobody reads is not made, since there may be thousands a second. */
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
 * Runs the effect in a span of its own, where spans are made, and gives the log lines inside it the ids of the run. The
 * span fails when the effect does, or when `endOf` says that what it answered is a failure; the answer is passed on all
 * the same.
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

/** The gateway was asked to run the agent. */
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

/** A span of what is over. */
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
 * The end of a whole task, from its submission over all its attempts: one log line, and one span beside those of its
 * runs, so that a trace says how long the caller waited in all.
 */
export const taskEnded = (end: TaskEnd): Effect.Effect<void> => {
  const { attempt, endedAt, error, outcome, submittedAt } = end
  const why = error === undefined ? "" : `: ${error.code}: ${error.message}`
  const line = Effect.logInfo(`A task has ended: ${outcome}${why}`)
  return Effect.andThen(line, pastSpan(spans.task, end)).pipe(
    inTrace(end, { event: `task.${outcome}`, latency_ms: endedAt - submittedAt, attempt })
  )
}

/** The same of several, which are looked for only where somebody reads of them. */
export const tasksEnded = (ends: () => ReadonlyArray<TaskEnd>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => (isEndWanted(fiber) ? Effect.forEach(ends(), taskEnded, { discard: true }) : Effect.void))
