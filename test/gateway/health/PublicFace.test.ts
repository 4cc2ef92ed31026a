import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import * as FleetMetrics from "../../../src/observability/metrics/FleetMetrics.ts"
import { record } from "../../../src/observability/metrics/Metrics.ts"
import { layer, Tokens, untilAnswered, Web } from "../GatewayRig.ts"

const publicPaths = ["/health", "/live", "/ready", "/metrics", "/openapi.json", "/docs"]

const gauges = Layer.unwrap(
  Effect.map(InstanceReads, ({ list }) =>
    FleetMetrics.layer({
      counts: Effect.succeed({ pending: 1 }),
      instances: Effect.map(list({ limit: 100 }), ({ items }) => items),
      interval: "50 millis"
    })
  )
)

const measured = Layer.provideMerge(gauges, layer)

describe("what needs no key", () => {
  it.live("names no tenant and no instance of one, wherever it is asked", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme, operator } = yield* Tokens
      const register = (body: object) => web.send("POST", "/api/v1/instances", { token: operator, body })
      yield* register({ instanceId: "common", driver: "simulated" })
      yield* register({
        instanceId: "hush-hush",
        driver: "simulated",
        tenancy: { _tag: "dedicated", tenantId: "acme" }
      })
      yield* web.send("POST", "/api/v1/tasks", { token: acme, body: { payload: { message: "hello" } } })
      const all = yield* untilAnswered(web.send("GET", "/metrics", { token: operator }), ({ text }) =>
        /hush-hush/.test(text)
      )
      assert.include(all.text, `instance_health{instance_id="hush-hush",tenancy="dedicated"}`)
      const open = yield* web.send("GET", "/metrics")
      assert.include(open.text, `instance_health{instance_id="common",tenancy="shared"}`)
      assert.include(open.text, `task_queue_depth{phase="pending"} 1`)
      for (const path of publicPaths) {
        const { text } = yield* web.send("GET", path)
        assert.notMatch(text, /hush-hush|acme|globex/, path)
      }
    }).pipe(Effect.provide(measured))
  )

  it.live("shows no series with a label that nobody has called public", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { operator } = yield* Tokens
      yield* Metric.update(Metric.gauge("of_a_tenant", { attributes: { tenant_id: "acme" } }), 1)
      yield* record("task_queue_depth", 3, { phase: "pending" })
      assert.notInclude((yield* web.send("GET", "/metrics")).text, "acme")
      assert.include((yield* web.send("GET", "/metrics", { token: operator })).text, `of_a_tenant{tenant_id="acme"}`)
    }).pipe(Effect.provide(measured))
  )

  it.live("is not what a key that may not read metrics gets", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme } = yield* Tokens
      assert.strictEqual((yield* web.send("GET", "/metrics", { token: acme })).status, 403)
      assert.strictEqual((yield* web.send("GET", "/metrics", { token: "claw_wrong" })).status, 401)
    }).pipe(Effect.provide(measured))
  )
})
