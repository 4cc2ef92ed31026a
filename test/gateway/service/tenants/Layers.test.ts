/** The layers of limits, in their order, by what each says when it has no room (docs/operations.md). */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DeploymentCaps } from "../../../../src/ports/DeploymentCaps.ts"
import { layer, Tokens, untilAnswered, Web } from "../../GatewayRig.ts"

const rig = Effect.gen(function* () {
  const { send } = yield* Web
  const tokens = yield* Tokens
  const as = (token: string) => (method: string, path: string, body?: unknown) =>
    send(method, `/api/v1${path}`, { token, body })
  return { acme: as(tokens.acme), globex: as(tokens.globex), operator: as(tokens.operator) }
})

const task = (more: object = {}) => ({ payload: { message: "hi" }, ...more })

describe("a refusal names its layer", () => {
  it.live("and the first in the order tenant, lane answers, as long as it has no room", () =>
    Effect.gen(function* () {
      const { acme, operator } = yield* rig
      yield* acme("PUT", "/lanes/main", { capacity: 1, paused: true })
      assert.strictEqual((yield* acme("POST", "/tasks", task({ lane: "main" }))).status, 202)
      yield* operator("PUT", "/tenants/acme", { caps: { pending: 1 } })
      yield* operator("POST", "/tenants/acme/suspend", { reason: "unpaid" })
      const said: Array<string> = []
      const submit = Effect.gen(function* () {
        const { body, headers, status } = yield* acme("POST", "/tasks", task({ lane: "main" }))
        said.push(`${status} ${body.layer}`)
        if (status === 429) {
          assert.isAbove(body.retryAfterMillis, 0)
          assert.isAbove(Number(headers.get("retry-after")), 0)
        }
      })
      yield* submit
      yield* operator("POST", "/tenants/acme/resume")
      yield* submit
      yield* operator("PUT", "/tenants/acme", { caps: { pending: null } })
      yield* submit
      yield* acme("PUT", "/lanes/main", { capacity: 10 })
      yield* submit
      assert.deepStrictEqual(said, ["409 tenant acme", "429 tenant acme", "429 lane main", "202 undefined"])
    }).pipe(Effect.provide(layer))
  )

  it.live("also of a session: its tenant first, then the session itself", () =>
    Effect.gen(function* () {
      const { acme, operator } = yield* rig
      yield* acme("POST", "/sessions", { sessionId: "talk" })
      yield* acme("DELETE", "/sessions/talk")
      yield* operator("POST", "/tenants/acme/suspend", {})
      const send = acme("POST", "/sessions/talk/turns", { message: "hi" })
      const suspended = yield* send
      yield* operator("POST", "/tenants/acme/resume")
      const closed = yield* send
      assert.deepStrictEqual(
        [suspended, closed].map(({ body, status }) => [status, body.layer]),
        [
          [409, "tenant acme"],
          [409, "session talk"]
        ]
      )
      yield* operator("PUT", "/tenants/acme", { caps: { sessions: 0 } })
      const opening = yield* acme("POST", "/tasks", task({ sessionId: "another" }))
      assert.deepStrictEqual([opening.status, opening.body.layer], [429, "tenant acme"], opening.text)
    }).pipe(Effect.provide(layer))
  )
})

describe("the deployment's cap on sessions", () => {
  it.live("is asked after the tenant's, over all tenants, also for a session that a task opens", () =>
    Effect.gen(function* () {
      const { acme, globex, operator } = yield* rig
      assert.isBelow((yield* acme("POST", "/sessions", { sessionId: "one" })).status, 300)
      const opening = [
        yield* globex("POST", "/sessions", { sessionId: "two" }),
        yield* globex("POST", "/tasks", task({ sessionId: "two" }))
      ]
      for (const { body, status, text } of opening) {
        assert.deepStrictEqual([status, body.layer], [429, "deployment"], text)
        assert.match(body.message, /1 open sessions, and its cap is 1.*CLAWSTER_DEPLOYMENT_CAPS/)
      }
      assert.isBelow((yield* acme("POST", "/sessions", { sessionId: "one" })).status, 300)
      assert.strictEqual((yield* acme("POST", "/tasks", task({ sessionId: "one" }))).status, 202)
      yield* operator("PUT", "/tenants/globex", { caps: { sessions: 0 } })
      assert.strictEqual((yield* globex("POST", "/sessions", { sessionId: "two" })).body.layer, "tenant globex")
    }).pipe(Effect.provide(layer.pipe(Layer.provide(Layer.succeed(DeploymentCaps, { sessions: 1 })))))
  )
})

describe("what a task waits for", () => {
  it.live("is the first layer without room, in the order tenant, lane, session, instance", () =>
    Effect.gen(function* () {
      const { acme, operator } = yield* rig
      yield* acme("PUT", "/lanes/main", { paused: true })
      const { body } = yield* acme("POST", "/tasks", task({ lane: "main", sessionId: "talk" }))
      const plain = yield* acme("POST", "/tasks", task({ lane: "main" }))
      const until = (taskId: string, said: RegExp) =>
        untilAnswered(acme("GET", `/tasks/${taskId}`), (answer) => said.test(String(answer.body.waitingFor)))
      yield* operator("POST", "/tenants/acme/suspend", { reason: "unpaid" })
      yield* until(body.taskId, /^tenant acme to be resumed, it is suspended: unpaid/)
      yield* operator("POST", "/tenants/acme/resume")
      yield* until(body.taskId, /^lane main to be resumed/)
      yield* acme("PUT", "/lanes/main", { paused: false })
      yield* until(body.taskId, /^a turn of session talk/)
      yield* until(plain.body.taskId, /^an instance: no instance is registered/)
    }).pipe(Effect.provide(layer))
  )
})
