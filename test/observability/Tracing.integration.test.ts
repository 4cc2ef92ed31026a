import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Metric, Option } from "effect"
import * as TaskSpan from "../../src/observability/TaskSpan.ts"
import * as Traceparent from "../../src/observability/Traceparent.ts"
import * as Tracing from "../../src/observability/Tracing.ts"
import * as OtlpGrpcReceiver from "../fixtures/servers/OtlpGrpcReceiver.ts"
import * as OtlpReceiver from "../fixtures/servers/OtlpReceiver.ts"

/** As one process would run it: what it buffered is sent when it ends. */
const asProcess = <A, E, R>(service: string, environment: Record<string, string>, effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Tracing.layer(service), { local: true }).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
  )

const completed = () => ({ status: "completed" })

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
        }).pipe(TaskSpan.run({ ...task, traceparent: stored }, completed))
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

  it.live("the span of a run that failed is one of a failure, and says where and which attempt it was", () =>
    Effect.gen(function* () {
      const { spans, url } = yield* OtlpReceiver.make
      const answer = yield* asProcess(
        "runner",
        { OTEL_EXPORTER_OTLP_ENDPOINT: url, CLAWSTER_TRACE_RATIO: "0" },
        Effect.succeed("the outcome").pipe(
          TaskSpan.run({ ...task, sessionId: "s1", attempt: 2 }, () => ({
            status: "failed",
            error: { code: "PROVIDER_ERROR", message: "the model is away" }
          }))
        )
      )
      assert.strictEqual(answer, "the outcome")
      const [run] = spans
      assert.strictEqual(run!.status.code, 2)
      const attributes = Object.fromEntries(run!.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
      assert.deepInclude(attributes, { "instance.id": "i1", "session.id": "s1", "task.id": "t1", status: "failed" })
      assert.strictEqual(String(attributes["attempt"]), "2")
    })
  )

  it.live("the end of a task closes its trace with the time from its submission", () =>
    Effect.gen(function* () {
      const { spans, url } = yield* OtlpReceiver.make
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      yield* asProcess(
        "runner",
        { OTEL_EXPORTER_OTLP_ENDPOINT: url, CLAWSTER_TRACE_RATIO: "1" },
        TaskSpan.taskEnded({ ...task, traceparent, submittedAt: 1_000, endedAt: 4_500, outcome: "completed" })
      )
      const [span] = spans
      assert.deepStrictEqual([span!.name, span!.traceId], ["task", traceparent.split("-")[1]!])
      assert.deepStrictEqual([span!.startTimeUnixNano, span!.endTimeUnixNano], ["1000000000", "4500000000"])
    })
  )

  it.live("sends a vendor's headers, to the endpoint of the signal, in the protocol that was asked for", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* OtlpReceiver.make
      yield* asProcess(
        "runner",
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/vendor/traces`,
          OTEL_EXPORTER_OTLP_HEADERS: "x-team=core, api-key=a%20secret%3D1",
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
          CLAWSTER_TRACE_RATIO: "1"
        },
        Effect.withSpan(Effect.void, "a")
      )
      const [request] = requests
      assert.strictEqual(request!.path, "/vendor/traces")
      assert.deepInclude(request!.headers, {
        "x-team": "core",
        "api-key": "a secret=1",
        "content-type": "application/x-protobuf"
      })
    })
  )

  it.live("sends metrics and logs when they are asked for", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* OtlpReceiver.make
      yield* asProcess(
        "runner",
        { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRICS_EXPORTER: "otlp", OTEL_LOGS_EXPORTER: "otlp" },
        Effect.andThen(Metric.update(Metric.counter("a_counter"), 1), Effect.logInfo("a line"))
      )
      const paths = requests.map(({ path }) => path)
      assert.include(paths, "/v1/metrics")
      assert.include(paths, "/v1/logs")
    })
  )

  it.live("sends nothing when the SDK is disabled or its exporter is none", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* OtlpReceiver.make
      for (const off of [{ OTEL_SDK_DISABLED: "true" }, { OTEL_TRACES_EXPORTER: "none" }]) {
        yield* asProcess(
          "runner",
          { OTEL_EXPORTER_OTLP_ENDPOINT: url, CLAWSTER_TRACE_RATIO: "1", ...off } as Record<string, string>,
          Effect.withSpan(Effect.void, "a")
        )
      }
      assert.deepStrictEqual(requests, [])
    })
  )

  it.live("sends traces over gRPC, with headers, sampled by the same rule", () =>
    Effect.gen(function* () {
      const { exports, url } = yield* OtlpGrpcReceiver.make
      const environment = {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        OTEL_EXPORTER_OTLP_HEADERS: "api-key=secret",
        OTEL_SERVICE_NAME: "my-clawster"
      }
      const spansOf = (ratio: string) =>
        asProcess(
          "runner",
          { ...environment, CLAWSTER_TRACE_RATIO: ratio },
          Effect.gen(function* () {
            yield* Effect.withSpan(Effect.void, "span-that-is-fine")
            yield* Effect.exit(Effect.withSpan(Effect.fail("no"), "span-that-failed"))
          })
        )
      yield* spansOf("0")
      const unsampled = exports.map(({ text }) => text).join("")
      assert.include(unsampled, "span-that-failed")
      assert.notInclude(unsampled, "span-that-is-fine")
      yield* spansOf("1")
      assert.include(exports.at(-1)!.text, "span-that-is-fine")
      assert.include(exports.at(-1)!.text, "my-clawster")
      assert.deepStrictEqual(exports.at(-1)!.metadata.get("api-key"), ["secret"])
    })
  )

  it.live("makes no span without an endpoint, and still carries the trace that came in", () =>
    Effect.gen(function* () {
      const incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      const seen = yield* asProcess(
        "runner",
        { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
        Effect.all([Traceparent.current, Effect.option(Effect.currentSpan)]).pipe(
          TaskSpan.run({ ...task, traceparent: incoming }, completed)
        )
      )
      assert.strictEqual(seen[0], incoming)
      assert.isTrue(Option.isNone(seen[1]))
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
        ["CLAWSTER_TRACE_RATIO", "5", "between 0 and 1"],
        ["OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon", "grpc"],
        ["OTEL_EXPORTER_OTLP_HEADERS", "no-equals-sign", "name=value"]
      ] as const
      for (const [name, value, expected] of bad) {
        const error = yield* Effect.flip(asProcess("runner", { [name]: value }, Effect.void))
        assert.include(String(error), expected)
        assert.include(String(error), name)
      }
    })
  )
})
