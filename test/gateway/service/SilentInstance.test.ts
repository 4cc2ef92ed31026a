/** What each reader at the edge says of an instance of which no heartbeats come any more, though its actor answers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import * as FleetMetrics from "../../../src/observability/metrics/FleetMetrics.ts"
import { OverviewCounts } from "../../../src/gateway/events/OverviewCounts.ts"
import { everyInstance } from "../../../src/gateway/service/instances/EveryInstance.ts"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import { Silent } from "../../fixtures/memory/MemoryReads.ts"
import { until } from "../../fixtures/Until.ts"
import { layer, untilAnswered, withInstance } from "../GatewayRig.ts"

const words = /not heard for three heartbeats/

describe("An instance that has been silent for three heartbeats", () => {
  it.live("is unknown for every reader, also where its actor answers that all is well, and gets nothing new", () =>
    Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const get = (path: string, token = tokens.operator) => web.send("GET", path, { token })
      const post = (path: string, body: object) => web.send("POST", `/api/v1${path}`, { token: tokens.acme, body })
      yield* post("/sessions", { sessionId: "talk" })
      yield* post("/sessions/talk/turns", { turnId: "one", message: "hello" })
      yield* untilAnswered(
        get("/api/v1/sessions/talk/turns/one", tokens.acme),
        ({ body }) => body.phase === "completed"
      )
      const silent = yield* Silent
      silent.add("i1")

      const list = (yield* get("/api/v1/instances")).body.items
      const one = (yield* get("/api/v1/instances/i1")).body
      const health = (yield* get("/api/v1/instances/i1/health")).body
      for (const [reader, status] of Object.entries({ list: list[0], one, health })) {
        assert.strictEqual(status.health, "unknown", reader)
        assert.match(status.reason, words, reader)
      }
      assert.strictEqual((yield* get("/api/v1/instances?health=unknown")).body.items.length, 1)
      assert.strictEqual((yield* get("/api/v1/instances?health=healthy")).body.items.length, 0)
      const { body } = yield* untilAnswered(get("/health"), (answer) => !answer.body.checks.instances.ok)
      assert.match(body.checks.instances.detail, /0 of 1 are healthy; 1 unknown: i1/)

      yield* post("/tasks", { taskId: "new", payload: { message: "hello" } })
      const task = yield* untilAnswered(get("/api/v1/tasks/new", tokens.acme), ({ body }) =>
        /1 not heard of/.test(body.waitingFor)
      )
      assert.strictEqual(task.body.phase, "pending")

      yield* Effect.forkScoped(
        Effect.gen(function* () {
          const reads = yield* InstanceReads
          const sources = { counts: Effect.succeed({}), instances: everyInstance(reads) }
          yield* Effect.provide(Effect.never, FleetMetrics.layer(sources))
        })
      )
      yield* until(
        "the metrics say so",
        Effect.map(PrometheusMetrics.format(), (text) => /instance_health\{[^}]*instance_id="i1"[^}]*\} 0\n/.test(text))
      )
      const counts = yield* Effect.provide(
        Effect.flatMap(OverviewCounts, ({ of }) => of(undefined)),
        OverviewCounts.layer
      )
      assert.deepStrictEqual(counts.instances, { unknown: 1 })

      silent.delete("i1")
      yield* untilAnswered(get("/api/v1/tasks/new", tokens.acme), (answer) => answer.body.phase === "completed")
      assert.strictEqual((yield* get("/api/v1/instances/i1")).body.health, "healthy")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
