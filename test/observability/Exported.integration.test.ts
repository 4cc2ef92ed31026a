/** What a working cluster really exports, held against the list. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Schedule } from "effect"
import * as MetricsServerNode from "../../src/observability/metrics/MetricsServerNode.ts"
import { clusterMetrics, metrics } from "../../src/observability/metrics/Names.ts"
import { ClawsterClient } from "../../src/client.ts"
import { freePort } from "../../src/resources/TcpPorts.ts"
import { InstanceId, TaskId } from "../../src/schema/Ids.ts"
import { Tokens } from "../gateway/GatewayRig.ts"
import * as ServedGateway from "../gateway/ServedGateway.ts"

const work = Effect.gen(function* () {
  const url = yield* ServedGateway.Url
  const { acme, operator } = yield* Tokens
  const as = (apiKey: string) => ClawsterClient.layerHttp({ url, apiKey })
  yield* Effect.flatMap(ClawsterClient, (client) =>
    client.RegisterInstance({ driver: "simulated", instanceId: InstanceId.make("i1") })
  ).pipe(Effect.provide(as(operator)))
  yield* Effect.gen(function* () {
    const client = yield* ClawsterClient
    yield* client.SubmitTasks({ tasks: [{ taskId: TaskId.make("t1"), payload: { message: "hello" } }] })
    assert.strictEqual((yield* client.awaitTask({ taskId: TaskId.make("t1") }, 10_000)).phase, "completed")
  }).pipe(Effect.provide(as(acme)))
})

const get = (url: string) =>
  Effect.promise(() => fetch(url).then(async (response) => ({ text: await response.text(), response })))

describe("what is exported", () => {
  it.live("is in the list, on the port of its own, after a task has run", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* Layer.build(MetricsServerNode.layer({ host: "127.0.0.1", port }))
      yield* Effect.provide(work, ServedGateway.layer)
      const { response, text } = yield* get(`http://127.0.0.1:${port}/metrics`).pipe(
        Effect.repeat({
          until: ({ text }) => text.includes(`tasks_total{outcome="completed"} 1`),
          schedule: Schedule.spaced("50 millis")
        }),
        Effect.timeout("10 seconds")
      )
      assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
      const exported = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name!, kind!] as const)
      const listed: Record<string, { readonly kind: string }> = { ...metrics, ...clusterMetrics }
      for (const [name, kind] of exported) assert.strictEqual(listed[name]?.kind, kind, name)
      for (const name of [
        "tasks_total",
        "task_execution_time",
        "clawster_actor_commit_seconds",
        "clawster_actor_batch_size"
      ]) {
        assert.include(
          exported.map(([each]) => each),
          name
        )
      }
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
