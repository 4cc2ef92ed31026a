import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Lane } from "../../../src/entities/Lane.ts"
import { taskSpec } from "../../entities/Lane/LaneWorld.ts"
import { layer, Tokens, Web } from "../GatewayRig.ts"

/** A full lane that blocks, and a message to it, which it therefore refuses. */
const refused = Effect.gen(function* () {
  const web = yield* Web
  const { acme, operator } = yield* Tokens
  const config = { capacity: 1, paused: true, backpressure: { _tag: "Block" } }
  yield* web.send("PUT", "/api/v1/lanes/main", { token: acme, body: config })
  yield* web.send("POST", "/api/v1/tasks", { token: acme, body: { lane: "main", payload: { message: "first" } } })
  const message = { id: "Lane/acme/other/1/0", tag: "Submit", payload: { tasks: [taskSpec("t1")] } as never }
  yield* (yield* Lane.client)("acme/main").Deliver({ messages: [message], again: false })
  const send = (method: string, path: string) => web.send(method, `/api/v1/messages${path}`, { token: operator })
  const makeRoom = web.send("PUT", "/api/v1/lanes/main", { token: acme, body: { capacity: 10 } })
  const task = web.send("GET", "/api/v1/tasks/t1", { token: acme })
  return { acme, makeRoom, send, task, web }
})

describe("dead messages", () => {
  it.live("are listed with the refusal, and shown with their payload", () =>
    Effect.gen(function* () {
      const { send } = yield* refused
      const { items } = (yield* send("GET", "")).body
      assert.strictEqual(items.length, 1)
      assert.deepInclude(items[0], {
        entityType: "Lane",
        entityId: "acme/main",
        messageId: "Lane/acme/other/1/0",
        tag: "Submit",
        reason: "refused"
      })
      assert.include(items[0].error, "Overloaded")
      const { body } = yield* send("GET", `/${items[0].number}`)
      assert.strictEqual(JSON.parse(body.payload).tasks[0].taskId, "t1")
      assert.strictEqual((yield* send("GET", "/999")).status, 404)
      assert.strictEqual((yield* send("GET", "/none")).status, 400)
    }).pipe(Effect.provide(layer))
  )

  it.live("are delivered again: given up again under a new number, or applied once their cause is mended", () =>
    Effect.gen(function* () {
      const { makeRoom, send, task } = yield* refused
      const [first] = (yield* send("GET", "")).body.items
      assert.strictEqual((yield* send("POST", `/${first.number}/replay`)).body.outcome, "dead")
      const [second, ...others] = (yield* send("GET", "")).body.items
      assert.deepStrictEqual(others, [])
      assert.strictEqual(second.messageId, "Lane/acme/other/1/0/again")
      assert.strictEqual((yield* task).status, 404)
      yield* makeRoom
      assert.deepStrictEqual((yield* send("POST", `/${second.number}/replay`)).body, {
        number: second.number,
        outcome: "applied"
      })
      assert.deepStrictEqual((yield* send("GET", "")).body.items, [])
      assert.strictEqual((yield* task).body.phase, "pending")
    }).pipe(Effect.provide(layer))
  )

  it.live("are removed for good, degrade the health while they are there, and are not shown to tenants", () =>
    Effect.gen(function* () {
      const { acme, send, web } = yield* refused
      const [first] = (yield* send("GET", "")).body.items
      assert.strictEqual((yield* web.send("GET", "/api/v1/messages", { token: acme })).status, 403)
      assert.deepInclude((yield* web.send("GET", "/health")).body.checks.messages, { ok: false })
      assert.strictEqual((yield* send("DELETE", `/${first.number}`)).body.number, first.number)
      assert.strictEqual((yield* send("DELETE", `/${first.number}`)).status, 404)
      assert.deepStrictEqual((yield* send("GET", "")).body.items, [])
    }).pipe(Effect.provide(layer))
  )
})
