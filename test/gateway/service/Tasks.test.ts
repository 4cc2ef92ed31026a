import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer, Tokens, untilAnswered, Web } from "../GatewayRig.ts"

const gateway = Effect.provide(layer)

const withInstance = Effect.gen(function* () {
  const web = yield* Web
  const tokens = yield* Tokens
  const registered = yield* web.send("POST", "/api/v1/instances", {
    token: tokens.operator,
    body: { instanceId: "i1", driver: "simulated" }
  })
  assert.strictEqual(registered.status, 201, registered.text)
  yield* untilAnswered(
    web.send("GET", "/api/v1/instances/i1/health", { token: tokens.operator }),
    ({ body }) => body.health === "healthy"
  )
  return { web, tokens }
})

describe("tasks over REST", () => {
  it.live("runs a submitted task to its end and shows what happened", () =>
    Effect.gen(function* () {
      const {
        tokens: { acme: token },
        web
      } = yield* withInstance
      const receipt = yield* web.send("POST", "/api/v1/tasks?wait=10000", {
        token,
        body: { payload: { message: "say hello" }, priority: "medium" }
      })
      assert.strictEqual(receipt.status, 202, receipt.text)
      assert.strictEqual(receipt.body.task.phase, "completed", receipt.text)
      assert.strictEqual(receipt.body.task.priority, "normal")
      const { taskId } = receipt.body
      const status = yield* web.send("GET", `/api/v1/tasks/${taskId}`, { token })
      assert.strictEqual(status.body.result.text, receipt.body.task.result.text)
      const events = yield* web.send("GET", `/api/v1/tasks/${taskId}/events`, { token })
      const types = events.body.items.map(({ type }: { type: string }) => type)
      assert.deepStrictEqual(
        types.filter((type: string) => type.startsWith("task.") && type !== "task.progress"),
        ["task.submitted", "task.started", "task.completed"]
      )
      const list = yield* web.send("GET", "/api/v1/tasks?phase=completed&phase=failed", { token })
      assert.deepStrictEqual(
        list.body.items.map((task: { taskId: string }) => task.taskId),
        [taskId]
      )
      assert.match(list.body.position, /^\d+-\d+$/)
    }).pipe(gateway)
  )
})
