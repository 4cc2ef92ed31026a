import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Option } from "effect"
import { HttpApi } from "effect/http-api"
import { permits } from "../../src/auth/Policy.ts"
import { Api } from "../../src/gateway/api/Api.ts"
import { Authenticate, Authorise } from "../../src/gateway/api/HttpAuthentication.ts"
import { refusal } from "../../src/gateway/http/AuthenticationLayer.ts"
import { ClientRpcs } from "../../src/rpc/ClientRpcs.ts"
import { type Action, RequiredAction } from "../../src/rpc/Authentication.ts"
import type { Role } from "../../src/schema/access/Principal.ts"
import { layer, Tokens, Web } from "./GatewayRig.ts"

/** What anyone may ask without a key. */
const publicEndpoints = ["system.health", "system.live", "system.ready"]
const publicPaths = ["/health", "/live", "/ready", "/metrics", "/openapi.json", "/docs"]

interface Endpoint {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly action: Action | undefined
  readonly middlewares: ReadonlyArray<string>
}

const endpoints: Array<Endpoint> = []
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint, group, middleware }) => {
    endpoints.push({
      id: `${group.identifier}.${endpoint.identifier}`,
      method: endpoint.method,
      path: endpoint.path.replaceAll(/:[^/]+/g, "x1x1x1x1"),
      action: Option.getOrUndefined(Context.getOption(endpoint.annotations, RequiredAction)),
      middlewares: [...middleware].map(({ key }) => key)
    })
  }
})

/** Each request has a correlation id of its own. */
const headersOf = (headers: Headers) => [...headers].filter(([name]) => name !== "x-correlation-id")

describe("access", () => {
  it("is closed by both middlewares and an action everywhere but on the public list", () => {
    const open = endpoints.filter(({ middlewares }) => !middlewares.includes(Authenticate.key)).map(({ id }) => id)
    assert.deepStrictEqual(open, publicEndpoints)
    for (const { action, id, middlewares } of endpoints.filter(({ id }) => !publicEndpoints.includes(id))) {
      assert.isDefined(action, `${id} has no action`)
      assert.deepStrictEqual(middlewares, [Authorise.key, Authenticate.key], id)
    }
  })

  it("is refused to everyone where nothing says who may", () => {
    const principal = { keyId: "k1", name: "a", role: "admin" as const }
    assert.strictEqual(refusal(principal, Context.empty())?._tag, "Forbidden")
  })

  it("has an action on every public RPC", () => {
    for (const rpc of ClientRpcs.requests.values()) {
      const { annotations } = rpc as unknown as { readonly annotations: Context.Context<never> }
      assert.isTrue(Option.isSome(Context.getOption(annotations, RequiredAction)), rpc._tag)
    }
  })

  it.live("answers 401 without a valid key and 403 to a role that lacks the action, under both prefixes", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const tokens = yield* Tokens
      const roles: ReadonlyArray<readonly [Role, string]> = [
        ["tenant", tokens.acme],
        ["operator", tokens.operator],
        ["admin", tokens.admin]
      ]
      for (const { action, id, method, path } of endpoints) {
        for (const prefix of ["/api/v1", "/api"]) {
          const url = `${prefix}${path}`
          const without = yield* web.send(method, url)
          const wrong = yield* web.send(method, url, { token: "claw_0123456789abcdef_" + "0".repeat(64) })
          const isPublic = publicEndpoints.includes(id)
          assert.deepStrictEqual([without.status, wrong.status], isPublic ? [200, 200] : [401, 401], `${id} ${url}`)
          if (isPublic) continue
          assert.strictEqual(without.body.code, "Unauthenticated")
          assert.strictEqual(without.headers.get("www-authenticate"), "Bearer")
          for (const [role, token] of roles) {
            // A body that no schema takes, so that what may be called is never done.
            const { body, status } = yield* web.send(method, url, {
              token,
              ...(method === "GET" || method === "DELETE" ? {} : { text: "[" })
            })
            const isAllowed = permits({ keyId: "k", name: role, role }, action!)
            assert.strictEqual(status === 403, !isAllowed, `${role} ${id}: ${status} ${JSON.stringify(body)}`)
            assert.notStrictEqual(status, 401)
          }
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.live("leaves the public paths open, and only those", () =>
    Effect.gen(function* () {
      const web = yield* Web
      for (const path of publicPaths) assert.strictEqual((yield* web.send("GET", path)).status, 200, path)
      assert.strictEqual((yield* web.send("GET", "/api/v1/nothing")).status, 404)
      assert.strictEqual((yield* web.send("GET", "/events")).status, 400)
    }).pipe(Effect.provide(layer))
  )

  it.live("gives the same answers under the alias", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token } = yield* Tokens
      const body = { taskId: "t1", payload: { message: "hi" } }
      const ask = { token, body, headers: { "idempotency-key": "one" } }
      const first = yield* web.send("POST", "/api/v1/tasks", ask)
      const again = yield* web.send("POST", "/api/tasks", ask)
      assert.strictEqual(first.status, 202, first.text)
      assert.deepStrictEqual(again.body, first.body)
      for (const path of ["/tasks", "/lanes", "/sessions", "/instances", "/me", "/tasks/t1", "/lanes/default"]) {
        const [v1, alias] = yield* Effect.all([
          web.send("GET", `/api/v1${path}`, { token }),
          web.send("GET", `/api${path}`, { token })
        ])
        assert.deepStrictEqual(
          [alias.status, alias.body, headersOf(alias.headers)],
          [v1.status, v1.body, headersOf(v1.headers)],
          path
        )
      }
    }).pipe(Effect.provide(layer))
  )
})
