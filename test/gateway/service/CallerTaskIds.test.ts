import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { checked, withFingerprint } from "../../../src/gateway/service/tasks/CallerTaskIds.ts"
import { toSpec } from "../../../src/gateway/service/tasks/Submission.ts"
import type { StoredSubmission } from "../../../src/ports/Reads.ts"
import type { SubmitOutcome } from "../../../src/rpc/LaneRpcs.ts"
import { LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import { layer, Tokens, untilAnswered, Web } from "../GatewayRig.ts"

const submission = (message: string, more: object = {}) => ({ taskId: "mine", payload: { message }, ...more })

const bench = Effect.gen(function* () {
  const web = yield* Web
  const { acme: token, operator } = yield* Tokens
  const submit = (body: object, query = "") => web.send("POST", `/api/v1/tasks${query}`, { token, body })
  return {
    web,
    token,
    submit,
    withInstance: web.send("POST", "/api/v1/instances", {
      token: operator,
      body: { instanceId: "i1", driver: "simulated" }
    })
  }
})

describe("an id of the caller's own", () => {
  it.live("names one submission: the same again is a duplicate, another is a conflict", () =>
    Effect.gen(function* () {
      const { submit } = yield* bench
      const first = yield* submit(submission("one"))
      assert.deepStrictEqual([first.status, first.body.outcome], [202, "accepted"], first.text)
      const again = yield* submit(submission("one"))
      assert.deepStrictEqual([again.status, again.body.outcome], [202, "duplicate"], again.text)
      const other = yield* submit(submission("two"))
      assert.deepStrictEqual([other.status, other.body.code], [409, "Conflict"], other.text)
      assert.include(other.body.message, "another submission")
      const elsewhere = yield* submit(submission("one", { lane: "other" }))
      assert.deepStrictEqual([elsewhere.status, elsewhere.body.code], [409, "Conflict"], elsewhere.text)
      assert.include(elsewhere.body.message, "lane default")
    }).pipe(Effect.provide(layer))
  )

  it.live("is still known when its task has ended, and gives nobody another's result", () =>
    Effect.gen(function* () {
      const { submit, withInstance } = yield* bench
      yield* withInstance
      const ended = yield* untilAnswered(
        submit(submission("one"), "?wait=2000"),
        ({ body }) => body.task?.phase === "completed"
      )
      assert.strictEqual(ended.body.task.phase, "completed")
      const again = yield* submit(submission("one"), "?wait=2000")
      assert.deepStrictEqual([again.body.outcome, again.body.phase], ["duplicate", "completed"], again.text)
      assert.deepStrictEqual(again.body.task.result, ended.body.task.result)
      const other = yield* submit(submission("two"), "?wait=2000")
      assert.deepStrictEqual([other.status, other.body.task], [409, undefined], other.text)
    }).pipe(Effect.provide(layer))
  )

  it.live("is given to one of two that come at once to two lanes", () =>
    Effect.gen(function* () {
      const { submit } = yield* bench
      const both = ["left", "right"].map((lane) => submit(submission("one", { lane })))
      const answers = yield* Effect.all(both, { concurrency: "unbounded" })
      assert.sameMembers(
        answers.map(({ status }) => status),
        [202, 409]
      )
    }).pipe(Effect.provide(layer))
  )

  it.live("may come twice in one request for one task, and not for two", () =>
    Effect.gen(function* () {
      const { token, web } = yield* bench
      const many = (...tasks: ReadonlyArray<object>) =>
        web.send("POST", "/api/v1/tasks/bulk", { token, body: { tasks } })
      const refused = yield* many(submission("one"), submission("two"))
      assert.deepStrictEqual([refused.status, refused.body.faults?.[0]?.path], [400, "tasks[1].taskId"], refused.text)
      const taken = yield* many(submission("one"), submission("one"), { payload: { message: "other" } })
      assert.deepStrictEqual(
        taken.body.tasks.map(({ outcome }: { outcome: string }) => outcome),
        ["accepted", "duplicate", "accepted"]
      )
      const clash = yield* many({ payload: { message: "never stored" } }, submission("three"))
      assert.strictEqual(clash.status, 409, clash.text)
      const { body } = yield* web.send("GET", "/api/v1/tasks", { token })
      assert.strictEqual(body.items.length, 2)
    }).pipe(Effect.provide(layer))
  )

  it.effect("that others took meanwhile is refused with the number of tasks that were accepted all the same", () =>
    Effect.gen(function* () {
      const tenantId = TenantId.make("acme")
      const specs = yield* Effect.forEach(["taken-1", "taken-2", "free-1", "free-2", "full"], (id) =>
        Effect.map(toSpec({ taskId: TaskId.make(id), payload: { message: id } }, tenantId), withFingerprint)
      )
      const stored = { lane: LaneName.make("default"), phase: "pending", submittedAt: 1, spec: undefined } as const
      const rows = new Map<TaskId, StoredSubmission>()
      const submit = Effect.sync(() => {
        for (const { taskId } of specs.slice(0, 2)) rows.set(taskId, { ...stored, fingerprint: "another" })
        return specs.map(({ lane, taskId }): SubmitOutcome => {
          const outcome = taskId === "full" ? "dropped" : "accepted"
          return { taskId, outcome, phase: "pending", lane, submittedAt: 1 }
        })
      })
      const refused = yield* Effect.flip(checked(() => Effect.sync(() => new Map(rows)), specs, submit))
      assert.match(refused.message, /^task taken-1 .*\. 2 other tasks of the request were accepted$/)
    })
  )

  it.live("gives the same answer under the same idempotency key", () =>
    Effect.gen(function* () {
      const { token, web } = yield* bench
      const submit = web.send("POST", "/api/v1/tasks", {
        token,
        body: submission("one"),
        headers: { "idempotency-key": "k1" }
      })
      const [first, second] = [yield* submit, yield* submit]
      assert.deepStrictEqual([first.body.outcome, second.body], ["accepted", first.body])
    }).pipe(Effect.provide(layer))
  )

  it.live("names one session, with its hints and label", () =>
    Effect.gen(function* () {
      const { token, web } = yield* bench
      const create = (label: string) =>
        web.send("POST", "/api/v1/sessions", { token, body: { sessionId: "talk", label, hints: { model: "m" } } })
      assert.strictEqual((yield* create("a")).status, 201)
      assert.strictEqual((yield* create("a")).status, 201)
      assert.deepStrictEqual((yield* create("b")).body.code, "Conflict")
    }).pipe(Effect.provide(layer))
  )
})
