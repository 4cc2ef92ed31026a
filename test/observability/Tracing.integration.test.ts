import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option } from "effect"
import * as TaskSpan from "../../src/observability/TaskSpan.ts"
import * as Traceparent from "../../src/observability/Traceparent.ts"
import * as Tracing from "../../src/observability/Tracing.ts"
import * as OtlpReceiver from "../fixtures/OtlpReceiver.ts"

/** As one process would run it: what it buffered is sent when it ends. */
const asProcess = <A, E, R>(service: string, environment: Record<string, string>, effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Tracing.layer(service), { local: true }).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
  )

const task = { tenantId: "acme", instanceId: "i1", taskId: "t1" }

describe("Tracing", () => {
  it.live("one task is one trace, over the edge, the store and the instance's runner", () =>
    Effect.gen(function* () {
      const { spans, url } = yield* OtlpReceiver.make
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/`, CLAWSTER_TRACE_RATIO: "1" }
      const stored = yield* asProcess(
        "gateway",
        environment,
        Effect.withSpan(Traceparent.current, "POST /api/v1/tasks", { kind: "server" })
      )
      const sentToGateway = yield* asProcess(
        "runner",
        environment,
        Effect.gen(function* () {
          yield* TaskSpan.agentInvoked("main")
          yield* TaskSpan.toolCalled("read")
          return yield* Traceparent.current
        }).pipe(TaskSpan.run({ ...task, traceparent: stored }))
      )
      assert.strictEqual(spans.length, 2)
      const [edge, run] = spans
      assert.deepStrictEqual([edge!.service, run!.service, run!.name], ["gateway", "runner", "task.run"])
      assert.strictEqual(run!.traceId, edge!.traceId)
      assert.strictEqual(run!.parentSpanId, edge!.spanId)
      assert.strictEqual(sentToGateway, `00-${edge!.traceId}-${run!.spanId}-01`)
      assert.deepStrictEqual(
        run!.events.map(({ name }) => name),
        ["task_started", "agent_invoked", "tool_called", "task_completed"]
      )
      const attributes = new Map(run!.attributes.map(({ key, value }) => [key, value]))
      assert.strictEqual(attributes.get("tenant.id")?.stringValue, "acme")
      assert.isTrue(attributes.has("total_duration_ms"))
    })
  )

  it.live("of a trace that is not sampled only what fails is sent, and the header says so to the next", () =>
    Effect.gen(function* () {
      const { spans, url } = yield* OtlpReceiver.make
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: url, CLAWSTER_TRACE_RATIO: "0" }
      const traceparent = yield* asProcess(
        "gateway",
        environment,
        Effect.gen(function* () {
          yield* Effect.withSpan(Effect.void, "fine")
          yield* Effect.exit(Effect.withSpan(Effect.fail("no"), "broken"))
          return yield* Traceparent.current
        }).pipe(Effect.withSpan("root"))
      )
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["broken"]
      )
      assert.match(traceparent!, /-00$/)
    })
  )

  it.live("makes no span without an endpoint, and still carries the trace that came in", () =>
    Effect.gen(function* () {
      const incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      const seen = yield* asProcess(
        "runner",
        { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
        Effect.all([Traceparent.current, Effect.currentSpan]).pipe(TaskSpan.run({ ...task, traceparent: incoming }))
      )
      assert.strictEqual(seen[0], incoming)
      assert.strictEqual(seen[1].spanId, "noop")
    })
  )

  it.live("a collector that is away costs nothing but its spans", () =>
    asProcess(
      "runner",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", CLAWSTER_TRACE_RATIO: "1" },
      Effect.withSpan(Effect.succeed(1), "a")
    ).pipe(
      Effect.timeoutOption("10 seconds"),
      Effect.map((ended) => assert.isTrue(Option.isSome(ended)))
    )
  )

  it.live("refuses a bad setting, and says which and what is right", () =>
    Effect.gen(function* () {
      const bad = [
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http:// or https:// URL"],
        ["CLAWSTER_TRACE_RATIO", "5", "between 0 and 1"]
      ] as const
      for (const [name, value, expected] of bad) {
        const error = yield* Effect.flip(asProcess("runner", { [name]: value }, Effect.void))
        assert.include(String(error), expected)
        assert.include(String(error), name)
      }
    })
  )
})
