/**
 * The span of one run of a task or a turn at its instance. It continues the trace that the task was submitted in, whatever process that was, and its
 * own `traceparent` is what the gateway gets.
 */
import { Clock, Effect } from "effect"
import { spanAttributes, spanEvents, spans } from "./Names.ts"
import * as Traceparent from "./Traceparent.ts"

export interface RunFacts {
  readonly traceparent?: string | undefined
  readonly tenantId: string
  readonly instanceId?: string | undefined
  readonly taskId?: string | undefined
  readonly sessionId?: string | undefined
  readonly turnId?: string | undefined
  readonly attempt?: number | undefined
}

const known = (facts: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))

/** Adds an event to the span that runs now, if any. */
const note = (name: string, attributes: Record<string, unknown> = {}): Effect.Effect<void> =>
  Effect.flatMap(Effect.option(Effect.currentSpan), (span) =>
    span._tag === "None"
      ? Effect.void
      : Effect.map(Clock.currentTimeNanos, (now) => span.value.event(name, now, attributes))
  )

/** Also gives the log lines inside it their ids. The effect's failure is the span's. */
export const run =
  (facts: RunFacts) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const started = yield* Clock.currentTimeMillis
      yield* note(spanEvents.started)
      const result = yield* effect
      yield* Effect.annotateCurrentSpan(spanAttributes.totalDurationMillis, (yield* Clock.currentTimeMillis) - started)
      yield* note(spanEvents.completed)
      return result
    }).pipe(
      Effect.withSpan(
        facts.turnId === undefined ? spans.taskRun : spans.turnRun,
        {
          kind: "consumer",
          attributes: known({
            [spanAttributes.tenantId]: facts.tenantId,
            [spanAttributes.instanceId]: facts.instanceId,
            [spanAttributes.taskId]: facts.taskId,
            [spanAttributes.sessionId]: facts.sessionId,
            [spanAttributes.turnId]: facts.turnId,
            [spanAttributes.attempt]: facts.attempt
          })
        },
        { captureStackTrace: false }
      ),
      Traceparent.within(facts.traceparent),
      Effect.annotateLogs(
        known({
          tenant_id: facts.tenantId,
          instance_id: facts.instanceId,
          task_id: facts.taskId,
          correlation_id: Traceparent.correlationId(facts.traceparent)
        })
      )
    )

/** The gateway was asked to run the agent. */
export const agentInvoked = (agent: string): Effect.Effect<void> =>
  note(spanEvents.agentInvoked, { [spanAttributes.agent]: agent })

export const toolCalled = (tool: string): Effect.Effect<void> =>
  note(spanEvents.toolCalled, { [spanAttributes.tool]: tool })
