import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Logs from "../../src/observability/Logs.ts"
import { logFields } from "../../src/observability/metrics/Names.ts"

const lines = <E>(logger: Logger.Logger<unknown, string>, effect: Effect.Effect<unknown, E>) => {
  const written: Array<string> = []
  const kept = Logger.map(logger, (line) => void written.push(line))
  return Effect.as(Effect.provide(effect, Logger.layer([kept])), written)
}

const json = <E>(effect: Effect.Effect<unknown, E>) =>
  Effect.map(lines(Logs.json("runner", "10.0.0.1:34431"), effect), (written) => written.map((line) => JSON.parse(line)))

describe("Logs", () => {
  it.effect("writes exactly the agreed fields, in their order, from annotations in either case", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      const [line] = yield* json(
        Effect.logWarning("started").pipe(
          Effect.annotateLogs({
            event: "task.started",
            instanceId: "i1",
            tenant_id: "acme",
            correlationId: "c1",
            taskId: "t1",
            target_instance: "i2",
            latencyMs: 12
          })
        )
      )
      assert.deepStrictEqual(Object.keys(line), [...logFields])
      assert.deepStrictEqual(line, {
        timestamp: "1970-01-01T00:00:00.000Z",
        level: "WARN",
        service: "runner",
        service_instance_id: "10.0.0.1:34431",
        instance_id: "i1",
        tenant_id: "acme",
        correlation_id: "c1",
        event: "task.started",
        task_id: "t1",
        target_instance: "i2",
        latency_ms: 12,
        message: "started"
      })
    })
  )

  it.effect("leaves out what it does not know, and never says what it may not", () =>
    Effect.gen(function* () {
      const [line] = yield* json(
        Effect.log("a", { b: 1 }).pipe(
          Effect.annotateLogs({ entityId: "x/y", token: Redacted.make("hush"), level: "FATAL" })
        )
      )
      assert.deepStrictEqual(Object.keys(line), [
        "timestamp",
        "level",
        "service",
        "service_instance_id",
        "event",
        "message"
      ])
      assert.strictEqual(line.level, "INFO")
      assert.strictEqual(line.event, "log")
      assert.match(line.message, /^a \{"b":1\} \| entityId=x\/y \| token="<redacted>" \| level=FATAL$/)
      assert.notInclude(JSON.stringify(line), "hush")
    })
  )

  it.effect("is one line whatever is logged: causes, newlines, cycles", () =>
    Effect.gen(function* () {
      const cycle: Record<string, unknown> = {}
      cycle.self = cycle
      const written = yield* lines(
        Logs.json("runner"),
        Effect.logError("two\nlines", cycle, Cause.fail(new Error("broken"))).pipe(Effect.annotateLogs({ more: cycle }))
      )
      assert.strictEqual(written.length, 1)
      assert.notInclude(written[0]!, "\n")
      assert.include(JSON.parse(written[0]!).message, "broken")
    })
  )

  it.effect("correlates by the trace that runs, unless told otherwise", () =>
    Effect.gen(function* () {
      const [inside, told, outside] = yield* json(
        Effect.gen(function* () {
          yield* Effect.withSpan(Effect.log("inside"), "a")
          yield* Effect.log("told").pipe(Effect.annotateLogs({ correlation_id: "c9" }), Effect.withSpan("a"))
          yield* Effect.log("outside")
        })
      )
      assert.match(inside.correlation_id, /^[0-9a-f]{32}$/)
      assert.strictEqual(told.correlation_id, "c9")
      assert.notProperty(outside, "correlation_id")
    })
  )

  it.effect("is short on a terminal, with ids behind and the cause below", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_234)
      const [plain, failed] = yield* lines(
        Logs.pretty("runner"),
        Effect.log("moved").pipe(
          Effect.annotateLogs({ task_id: "t1", shard: "7" }),
          Effect.andThen(Effect.logError("failed", Cause.fail(new Error("broken"))))
        )
      )
      assert.strictEqual(plain, "00:00:01.234 INFO  runner: moved (task_id=t1, shard=7)")
      assert.match(failed!, /^00:00:01\.234 ERROR runner: failed\n {2}Error: broken/)
    })
  )
})
