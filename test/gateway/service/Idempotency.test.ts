import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer, Tokens, Web, withInstance } from "../GatewayRig.ts"

const keyed = (key: string) => ({ "idempotency-key": key })

describe("an idempotency key", () => {
  it.live("gives the same answer for the same request, which happens once", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token } = yield* Tokens
      const ask = { token, body: { payload: { message: "once" } }, headers: keyed("k1") }
      const answers = yield* Effect.forEach([1, 2, 3, 4, 5], () => web.send("POST", "/api/v1/tasks", ask), {
        concurrency: 5
      })
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [202, 202, 202, 202, 202],
        answers[0]!.text
      )
      assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
      // The same request in another order of fields, waiting, is still the same.
      const reordered = yield* web.send("POST", "/api/v1/tasks?wait=1", {
        ...ask,
        body: undefined,
        text: '{ "payload" : {"message":"once"}}'
      })
      assert.strictEqual(reordered.body.taskId, answers[0]!.body.taskId, reordered.text)
      const tasks = yield* web.send("GET", "/api/v1/tasks", { token })
      assert.strictEqual(tasks.body.items.length, 1)
    }).pipe(Effect.provide(layer))
  )

  it.live("is refused for another request, wherever that would go", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token, globex } = yield* Tokens
      const first = yield* web.send("POST", "/api/v1/tasks", {
        token,
        body: { payload: { message: "one" } },
        headers: keyed("k1")
      })
      assert.strictEqual(first.status, 202)
      const others: ReadonlyArray<readonly [string, string, unknown]> = [
        ["POST", "/api/v1/tasks", { payload: { message: "two" } }],
        ["POST", "/api/v1/tasks", { lane: "elsewhere", payload: { message: "one" } }],
        ["POST", "/api/v1/sessions", {}],
        ["PUT", "/api/v1/lanes/default", {}],
        ["POST", `/api/v1/tasks/${first.body.taskId}/cancel`, {}]
      ]
      for (const [method, path, body] of others) {
        const refused = yield* web.send(method, path, { token, body, headers: keyed("k1") })
        assert.deepStrictEqual(
          [refused.status, refused.body.code],
          [422, "IdempotencyConflict"],
          `${path} ${refused.text}`
        )
      }
      const tasks = yield* web.send("GET", "/api/v1/tasks", { token })
      assert.strictEqual(tasks.body.items.length, 1)
      // It is the tenant's own key: another tenant's is another.
      const elsewhere = yield* web.send("POST", "/api/v1/tasks", {
        token: globex,
        body: { payload: { message: "two" } },
        headers: keyed("k1")
      })
      assert.strictEqual(elsewhere.status, 202, elsewhere.text)
    }).pipe(Effect.provide(layer))
  )

  it.live("comes with a body that is JSON or with none, also where no body is documented", () =>
    Effect.gen(function* () {
      const { tokens, web } = yield* withInstance
      const requests: ReadonlyArray<readonly [method: string, path: string, token: string]> = [
        ["DELETE", "/api/v1/tasks/t1", tokens.acme],
        ["DELETE", "/api/v1/sessions/s1", tokens.acme],
        ["POST", "/api/v1/instances/i1/start", tokens.operator]
      ]
      const bodies = ["force", "{", `${"[".repeat(100_000)}${"]".repeat(100_000)}`]
      for (const [method, path, token] of requests) {
        for (const text of bodies) {
          const refused = yield* web.send(method, path, { token, text, headers: keyed("k1") })
          const what = `${method} ${path} ${refused.text}`
          assert.deepStrictEqual([refused.status, refused.body.code], [400, "InvalidInput"], what)
          assert.deepStrictEqual(
            refused.body.faults.map((fault: { path: string }) => fault.path),
            ["body"],
            what
          )
        }
      }
      // A refused request claims no key.
      const started = yield* web.send("POST", "/api/v1/instances/i1/start", {
        token: tokens.operator,
        headers: keyed("k1")
      })
      assert.strictEqual(started.status, 202, started.text)
    }).pipe(Effect.provide(layer))
  )

  it.live("makes a repeated cancel and a repeated turn give their first answer", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token } = yield* Tokens
      const {
        body: { taskId }
      } = yield* web.send("POST", "/api/v1/tasks", { token, body: { payload: { message: "x" } } })
      const cancel = web.send("DELETE", `/api/v1/tasks/${taskId}`, { token, headers: keyed("c1") })
      const [first, again] = [yield* cancel, yield* cancel]
      assert.deepStrictEqual([first.status, again.status, again.text], [202, 202, first.text])
      const anew = yield* web.send("DELETE", `/api/v1/tasks/${taskId}`, { token })
      assert.deepStrictEqual([anew.status, anew.body.code], [409, "Conflict"], anew.text)

      yield* web.send("POST", "/api/v1/sessions", { token, body: { sessionId: "s1" } })
      const turn = web.send("POST", "/api/v1/sessions/s1/turns", {
        token,
        body: { message: "hi" },
        headers: keyed("u1")
      })
      const turns = [yield* turn, yield* turn]
      assert.deepStrictEqual(turns[1]!.text, turns[0]!.text)
      const session = yield* web.send("GET", "/api/v1/sessions/s1", { token })
      assert.strictEqual(session.body.turns.length, 1)
    }).pipe(Effect.provide(layer))
  )
})
