import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer, Switches, Tokens, untilAnswered, Web } from "../GatewayRig.ts"

const prefixes = ["", "/api/v1", "/api"]

describe("health", () => {
  it.live("is asked for, at the root and under both prefixes", () =>
    Effect.gen(function* () {
      const web = yield* Web
      for (const prefix of prefixes) {
        for (const path of ["/health", "/live", "/ready"]) {
          const { body, status } = yield* web.send("GET", `${prefix}${path}`)
          assert.deepStrictEqual([status, body.status], [200, "ok"], prefix + path)
        }
      }
      const { body } = yield* web.send("GET", "/health")
      assert.deepStrictEqual(Object.keys(body.checks).sort(), [
        "cluster",
        "commit",
        "database",
        "feed",
        "instances",
        "messages",
        "outbox",
        "placements",
        "resources",
        "runners",
        "serving",
        "shards"
      ])
      assert.strictEqual((yield* web.send("GET", "/api/v1/api/v1/health")).status, 404)
    }).pipe(Effect.provide(layer))
  )

  it.live("is down and not ready without the database or without a healthy runner, and yet alive", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const switches = yield* Switches
      switches.database = false
      const ready = yield* untilAnswered(web.send("GET", "/ready"), ({ status }) => status === 503)
      assert.deepStrictEqual(
        [ready.body.status, ready.body.checks.database.ok, ready.body.checks.cluster.ok],
        ["down", false, true]
      )
      assert.strictEqual(
        (yield* untilAnswered(web.send("GET", "/health"), ({ status }) => status === 503)).body.status,
        "down"
      )
      assert.strictEqual((yield* web.send("GET", "/live")).status, 200)
      switches.database = true
      switches.runners = 0
      const alone = yield* untilAnswered(web.send("GET", "/ready"), ({ body }) => body.checks.database.ok)
      assert.deepStrictEqual([alone.status, alone.body.checks.cluster.ok], [503, false])
    }).pipe(Effect.provide(layer))
  )

  it.live("is degraded, but ready, when no instance is healthy", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { operator: token } = yield* Tokens
      yield* web.send("POST", "/api/v1/instances", { token, body: { instanceId: "i1", driver: "simulated" } })
      yield* web.send("POST", "/api/v1/instances/i1/stop", { token, body: { graceMillis: 0 } })
      const { body, status } = yield* untilAnswered(
        web.send("GET", "/health"),
        ({ body }) => body.status === "degraded"
      )
      assert.deepStrictEqual([status, body.checks.instances.ok], [200, false])
      assert.strictEqual((yield* web.send("GET", "/ready")).status, 200)
    }).pipe(Effect.provide(layer))
  )
})

describe("metrics", () => {
  it.live("are told to collectors at the root, and to operators under the prefix", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme, operator } = yield* Tokens
      const root = yield* web.send("GET", "/metrics")
      assert.match(root.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/)
      const api = yield* web.send("GET", "/api/v1/metrics", { token: operator })
      assert.deepStrictEqual([api.status, api.headers.get("content-type")], [200, root.headers.get("content-type")])
      assert.strictEqual((yield* web.send("GET", "/api/v1/metrics", { token: acme })).status, 403)
    }).pipe(Effect.provide(layer))
  )
})
