/** What the logs and traces of a request say, from the edge to the end of its task. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, References, Tracer } from "effect"
import * as Logs from "../../../src/observability/Logs.ts"
import { until } from "../../fixtures/Until.ts"
import { layer, withInstance } from "../GatewayRig.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const traceparent = `00-${traceId}-b7ad6b7169203331-01`

/** Keeps every span that ended and every log line. */
const observed = () => {
  const spans: Array<Tracer.Span> = []
  const lines: Array<Record<string, unknown>> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = Tracer.nativeTracer.span(options)
      const end = span.end.bind(span)
      span.end = (at, exit) => {
        end(at, exit)
        spans.push(span)
      }
      return span
    }
  })
  const logger = Logger.map(Logs.json("test"), (line) => void lines.push(JSON.parse(line)))
  return {
    spans,
    lines,
    layer: Layer.mergeAll(
      Layer.succeed(Tracer.Tracer, tracer),
      Layer.succeed(References.TracerEnabled, true),
      Logger.layer([logger])
    )
  }
}

describe("a request's correlation id", () => {
  it.live("is in its answer, in the log line of the end of its task and in every span of its trace", () => {
    const seen = observed()
    return Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const token = tokens.acme
      const answer = yield* web.send("POST", "/api/v1/tasks?wait=10000", {
        token,
        body: { taskId: "t1", payload: { message: "say hello" } },
        headers: { traceparent }
      })
      assert.strictEqual(answer.body.task.phase, "completed", answer.text)
      assert.strictEqual(answer.headers.get("x-correlation-id"), traceId)
      yield* until(
        "the log line",
        Effect.sync(() => seen.lines.some(({ event }) => event === "task.completed"))
      )
      const line = seen.lines.find(({ event }) => event === "task.completed")!
      assert.deepInclude(line, {
        correlation_id: traceId,
        tenant_id: "acme",
        task_id: "t1",
        instance_id: "i1",
        target_instance: "i1"
      })
      assert.isNumber(line["latency_ms"])
      const ofTrace = seen.spans.filter((span) => span.traceId === traceId)
      const named = (name: string) => ofTrace.find((span) => span.name === name)
      assert.strictEqual(named("task.run")!.attributes.get("instance.id"), "i1")
      assert.strictEqual(named("task.run")!.attributes.get("attempt"), 1)
      assert.strictEqual(named("task")!.attributes.get("status"), "completed")
      assert.strictEqual(named("Tasks.submit")!.attributes.get("tenant.id"), "acme")
    }).pipe(Effect.provide(layer), Effect.provide(seen.layer))
  })

  it.live("is made where the caller has none, and the same in answer and log", () => {
    const seen = observed()
    return Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const token = tokens.acme
      const answer = yield* web.send("POST", "/api/v1/tasks?wait=10000", {
        token,
        body: { taskId: "t2", payload: { message: "say hello" } }
      })
      const id = answer.headers.get("x-correlation-id")
      assert.match(id ?? "", /^[0-9a-f]{32}$/)
      yield* until(
        "the log line",
        Effect.sync(() => seen.lines.some(({ event }) => event === "task.completed"))
      )
      assert.strictEqual(seen.lines.find(({ task_id }) => task_id === "t2")!["correlation_id"], id)
    }).pipe(Effect.provide(layer), Effect.provide(seen.layer))
  })
})
