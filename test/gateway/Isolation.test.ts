import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { EdgeConfig } from "../../src/gateway/EdgeConfig.ts"
import { TenantId } from "../../src/schema/Ids.ts"
import { layer, Tokens, untilAnswered, Web } from "./GatewayRig.ts"

const deployment = Layer.succeed(EdgeConfig, {
  defaultTenant: TenantId.make("acme")
})

describe("tenants", () => {
  it.live("see and touch nothing of each other", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme, globex, operator } = yield* Tokens
      const submitted = yield* web.send("POST", "/api/v1/tasks", {
        token: acme,
        body: { taskId: "secret", payload: { message: "hush" } }
      })
      assert.strictEqual(submitted.status, 202, submitted.text)
      yield* web.send("POST", "/api/v1/sessions", { token: acme, body: { sessionId: "talk" } })
      yield* web.send("POST", "/api/v1/instances", {
        token: operator,
        body: { instanceId: "own", driver: "simulated", tenancy: { _tag: "dedicated", tenantId: "acme" } }
      })
      yield* untilAnswered(web.send("GET", "/api/v1/instances/own", { token: acme }), ({ status }) => status === 200)

      const reads = [
        "/tasks/secret",
        "/tasks/secret/wait?millis=0",
        "/tasks/secret/events",
        "/sessions/talk",
        "/instances/own",
        "/instances/own/health",
        "/instances/own/logs"
      ]
      for (const path of reads) {
        assert.strictEqual((yield* web.send("GET", `/api/v1${path}`, { token: acme })).status, 200, path)
        const { body, status, text } = yield* web.send("GET", `/api/v1${path}`, { token: globex })
        assert.deepStrictEqual([status, body.code], [404, "NotFound"], `${path} ${text}`)
        const named = `${path}${path.includes("?") ? "&" : "?"}tenantId=acme`
        if (!path.startsWith("/instances")) {
          assert.strictEqual((yield* web.send("GET", `/api/v1${named}`, { token: globex })).status, 404, named)
        }
      }
      for (const path of ["/tasks", "/sessions", "/instances", "/lanes"]) {
        const mine = yield* web.send("GET", `/api/v1${path}`, { token: acme })
        const theirs = yield* web.send("GET", `/api/v1${path}`, { token: globex })
        const everybodys = yield* web.send("GET", `/api/v1${path}`, { token: operator })
        assert.deepStrictEqual(
          [mine.body.items.length, theirs.body.items.length, everybodys.body.items.length],
          [1, 0, 1],
          path
        )
      }
      const changes: ReadonlyArray<readonly [string, string, unknown?]> = [
        ["DELETE", "/tasks/secret"],
        ["POST", "/tasks/secret/cancel", {}],
        ["DELETE", "/tasks/secret?tenantId=acme"],
        ["POST", "/sessions/talk/turns", { message: "hi" }],
        ["POST", "/sessions/talk/abort?tenantId=acme", {}],
        ["DELETE", "/sessions/talk"],
        ["POST", "/tasks", { tenantId: "acme", payload: { message: "for you" } }],
        ["POST", "/tasks/cancel", { tenantId: "acme", phases: ["pending"] }],
        ["PUT", "/lanes/default?tenantId=acme", { paused: true }]
      ]
      for (const [method, path, body] of changes) {
        const refused = yield* web.send(method, `/api/v1${path}`, { token: globex, body })
        assert.strictEqual(refused.status, 404, `${method} ${path} ${refused.text}`)
      }
      const untouched = yield* web.send("GET", "/api/v1/sessions/talk", { token: acme })
      assert.strictEqual(untouched.body.turns.length, 0)
      assert.strictEqual((yield* web.send("GET", "/api/v1/tasks", { token: operator })).body.items.length, 1)
    }).pipe(Effect.provide(layer))
  )

  it.live("are named by operators, who belong to none", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { operator } = yield* Tokens
      const unnamed = yield* web.send("POST", "/api/v1/tasks", {
        token: operator,
        body: { payload: { message: "hi" } }
      })
      assert.deepStrictEqual(
        [unnamed.status, unnamed.body.code, unnamed.body.faults[0].path],
        [400, "InvalidInput", "tenantId"]
      )
      const named = yield* web.send("POST", "/api/v1/tasks", {
        token: operator,
        body: { tenantId: "acme", payload: { message: "hi" } }
      })
      assert.strictEqual(named.status, 202, named.text)
      const found = yield* web.send("GET", `/api/v1/tasks/${named.body.taskId}`, { token: operator })
      assert.strictEqual(found.body.tenantId, "acme")
    }).pipe(Effect.provide(layer))
  )

  it.live("are the deployment's own when an operator names none and it has a default", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme, operator } = yield* Tokens
      const { body, status, text } = yield* web.send("POST", "/api/v1/tasks", {
        token: operator,
        body: { taskId: "t1", payload: { message: "hi" } }
      })
      assert.strictEqual(status, 202, text)
      assert.strictEqual((yield* web.send("GET", `/api/v1/tasks/${body.taskId}`, { token: acme })).status, 200)
      const lane = yield* web.send("PUT", "/api/v1/lanes/default", { token: operator, body: { paused: true } })
      assert.strictEqual(lane.body.tenantId, "acme")
      const there = yield* web.send("POST", "/api/v1/instances", {
        token: operator,
        body: { instanceId: "eu", driver: "simulated", region: "eu" }
      })
      assert.strictEqual(there.body.placement, "region-eu", there.text)
    }).pipe(Effect.provide(layer.pipe(Layer.provide(deployment))))
  )
})
