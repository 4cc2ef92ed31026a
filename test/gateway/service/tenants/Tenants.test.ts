import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TenantDefaults } from "../../../../src/ports/tenants/Tenants.ts"
import { layer, Tokens, untilAnswered, Web, withInstance } from "../../GatewayRig.ts"

const submission = { payload: { message: "hi" } }

/** A tenant's key and an operator's, and calls with each. */
const rig = Effect.gen(function* () {
  const { send } = yield* Web
  const tokens = yield* Tokens
  const as = (token: string) => (method: string, path: string, body?: unknown) =>
    send(method, `/api/v1${path}`, { token, body })
  return { acme: as(tokens.acme), globex: as(tokens.globex), operator: as(tokens.operator) }
})

const submitTo = (call: (method: string, path: string, body?: unknown) => Effect.Effect<any>, lane = "default") =>
  call("POST", "/tasks", { ...submission, lane })

describe("tenants", () => {
  it.live("are set by operators only, and each reads its own", () =>
    Effect.gen(function* () {
      const { acme, globex, operator } = yield* rig
      const set = yield* operator("PUT", "/tenants/acme", { weight: 3, caps: { pending: 5 } })
      assert.deepStrictEqual([set.status, set.body.weight, set.body.caps], [200, 3, { pending: 5 }])
      yield* operator("PUT", "/tenants/globex", { caps: { lanes: 1 } })
      for (const [method, path, body] of [
        ["PUT", "/tenants/acme", { weight: 9 }],
        ["POST", "/tenants/acme/suspend", {}],
        ["POST", "/tenants/acme/resume", undefined],
        ["DELETE", "/tenants/acme", undefined]
      ] as const) {
        assert.strictEqual((yield* acme(method, path, body)).status, 403, `${method} ${path}`)
      }
      assert.deepInclude((yield* acme("GET", "/tenants/acme")).body, { weight: 3, state: "active" })
      assert.strictEqual((yield* acme("GET", "/tenants/globex")).status, 404)
      const seen = (yield* globex("GET", "/tenants")).body.items
      assert.deepStrictEqual(
        seen.map(({ tenantId }: { tenantId: string }) => tenantId),
        ["globex"]
      )
      const page = (yield* operator("GET", "/tenants?limit=1")).body
      assert.strictEqual(page.items[0].tenantId, "acme")
      const rest = (yield* operator("GET", `/tenants?after=${encodeURIComponent(page.next)}`)).body
      assert.strictEqual(rest.items[0].tenantId, "globex")
      const fault = (yield* operator("PUT", "/tenants/acme", { weight: 1_001 })).body.faults[0]
      assert.strictEqual(fault.path, "weight")
    }).pipe(Effect.provide(layer))
  )

  it.live("accept nothing while they are suspended or deleted, and the refusal says who, why and what to do", () =>
    Effect.gen(function* () {
      const { acme, globex, operator } = yield* rig
      yield* acme("POST", "/sessions", { sessionId: "talk" })
      yield* operator("POST", "/tenants/acme/suspend", { reason: "unpaid" })
      const refused = [
        yield* submitTo(acme),
        yield* acme("POST", "/tasks/bulk", { tasks: [submission] }),
        yield* acme("POST", "/sessions", { sessionId: "other" }),
        yield* acme("POST", "/sessions/talk/turns", { message: "hi" }),
        yield* acme("POST", "/sessions/talk/steer", { message: "hi" }),
        yield* acme("PUT", "/lanes/main", { concurrency: 2 })
      ]
      for (const { body, status, text } of refused) {
        assert.deepStrictEqual([status, body.code], [409, "Conflict"], text)
        assert.match(body.message, /^tenant acme is suspended: unpaid; .*clawster tenant resume acme/)
      }
      assert.strictEqual((yield* submitTo(operator, "default")).status, 400)
      assert.strictEqual((yield* submitTo(globex)).status, 202)
      yield* operator("DELETE", "/tenants/acme")
      assert.match((yield* submitTo(acme)).body.message, /^tenant acme is deleted/)
      assert.strictEqual((yield* operator("PUT", "/tenants/acme", { weight: 2 })).status, 409)
      yield* operator("POST", "/tenants/acme/resume")
      assert.strictEqual((yield* submitTo(acme)).status, 202)
    }).pipe(Effect.provide(layer))
  )

  it.live("are refused at each cap by name, and go on within it", () =>
    Effect.gen(function* () {
      const { acme, globex, operator } = yield* rig
      yield* operator("PUT", "/tenants/acme", { caps: { pending: 3, lanes: 1, sessions: 1, running: 4 } })
      assert.strictEqual((yield* submitTo(acme)).status, 202)
      assert.strictEqual((yield* acme("POST", "/tasks/bulk", { tasks: [submission, submission] })).status, 202)
      const full = yield* submitTo(acme)
      assert.deepStrictEqual([full.status, full.body.code], [429, "Overloaded"], full.text)
      assert.match(full.body.message, /tenant acme has 3 waiting tasks, and its cap on pending is 3: 1 more/)
      assert.match(full.body.message, /clawster tenant set acme --pending/)
      assert.isAbove(full.body.retryAfterMillis, 0)
      assert.match((yield* submitTo(acme, "second")).body.message, /cap on lanes is 1/)
      assert.match((yield* acme("PUT", "/lanes/second", { paused: true })).body.message, /cap on lanes is 1/)
      const above = yield* acme("PUT", "/lanes/default", { concurrency: 5 })
      assert.deepStrictEqual([above.status, above.body.faults[0].path], [400, "concurrency"], above.text)
      assert.strictEqual((yield* acme("PUT", "/lanes/default", { concurrency: 4 })).status, 200)
      assert.isBelow((yield* acme("POST", "/sessions", { sessionId: "one" })).status, 300)
      assert.isBelow((yield* acme("POST", "/sessions", { sessionId: "one" })).status, 300)
      assert.match((yield* acme("POST", "/sessions", { sessionId: "two" })).body.message, /cap on sessions is 1/)
      assert.strictEqual((yield* submitTo(globex)).status, 202)
      const { caps, usage } = (yield* acme("GET", "/tenants/acme")).body
      assert.deepStrictEqual([caps.pending, usage.pending, usage.lanes, usage.sessions], [3, 3, 1, 1])
      yield* operator("PUT", "/tenants/acme", { caps: { pending: null } })
      assert.strictEqual((yield* submitTo(acme)).status, 202)
    }).pipe(Effect.provide(layer))
  )

  it.live("send no faster than their rate, a bulk being let through as one and owed", () =>
    Effect.gen(function* () {
      const { acme, globex, operator } = yield* rig
      yield* operator("PUT", "/tenants/acme", { caps: { ratePerSecond: 1 } })
      assert.strictEqual((yield* acme("POST", "/tasks/bulk", { tasks: Array(60).fill(submission) })).status, 202)
      const refused = yield* submitTo(acme)
      assert.strictEqual(refused.status, 429)
      assert.match(refused.body.message, /cap on ratePerSecond, 1\./)
      assert.isAbove(refused.body.retryAfterMillis, 10_000)
      assert.strictEqual((yield* submitTo(globex)).status, 202)
    }).pipe(Effect.provide(layer))
  )

  it.live(
    "start nothing while they are suspended, and say that this is why; the others go on, and a resume starts",
    () =>
      Effect.gen(function* () {
        const { acme, globex, operator } = yield* Effect.andThen(withInstance, rig)
        const task = (yield* acme("POST", "/tasks", { ...submission, notBefore: Date.now() + 300 })).body.taskId
        yield* operator("POST", "/tenants/acme/suspend", { reason: "unpaid" })
        const waits = yield* untilAnswered(acme("GET", `/tasks/${task}`), ({ body }) => body.phase === "pending")
        assert.match(waits.body.waitingFor, /tenant acme to be resumed, it is suspended: unpaid/)
        assert.match((yield* acme("GET", "/tasks")).body.items[0].waitingFor, /tenant acme to be resumed/)
        const other = (yield* submitTo(globex)).body.taskId
        yield* untilAnswered(globex("GET", `/tasks/${other}`), ({ body }) => body.phase === "completed")
        assert.strictEqual((yield* acme("GET", `/tasks/${task}`)).body.phase, "pending")
        yield* operator("POST", "/tenants/acme/resume")
        yield* untilAnswered(acme("GET", `/tasks/${task}`), ({ body }) => body.phase === "completed")
      }).pipe(Effect.provide(layer))
  )

  it.live("are stopped with all that they have by a suspend that cancels, and not deleted before without force", () =>
    Effect.gen(function* () {
      const { acme, operator } = yield* rig
      yield* submitTo(acme)
      yield* acme("POST", "/tasks", { ...submission, lane: "later", notBefore: Date.now() + 3_600_000 })
      yield* acme("POST", "/sessions", { sessionId: "talk" })
      yield* acme("POST", "/sessions/talk/turns", { message: "hi" })
      const busy = yield* operator("DELETE", "/tenants/acme")
      assert.strictEqual(busy.status, 409)
      assert.match(busy.body.message, /2 tasks wait, 1 sessions have a turn/)
      const stopped = yield* operator("POST", "/tenants/acme/suspend", { cancel: true })
      assert.deepInclude(stopped.body, { state: "suspended", cancelled: 2, aborted: 1, remaining: 0 })
      const report = yield* untilAnswered(
        operator("GET", "/tenants/acme"),
        ({ body }) => body.usage.pending + body.usage.scheduled + body.usage.activeSessions === 0
      )
      assert.strictEqual(report.body.usage.cancelled, 2)
      assert.strictEqual((yield* operator("DELETE", "/tenants/acme")).body.state, "deleted")
    }).pipe(Effect.provide(layer))
  )

  it.live("are bound by the deployment's defaults as far as nothing else is set for them", () =>
    Effect.gen(function* () {
      const { acme, operator } = yield* rig
      const seen = (yield* acme("GET", "/tenants/acme")).body
      assert.deepStrictEqual([seen.weight, seen.caps], [2, { pending: 1, sessions: 0 }])
      assert.strictEqual((yield* submitTo(acme)).status, 202)
      assert.match((yield* submitTo(acme)).body.message, /cap on pending is 1/)
      yield* operator("PUT", "/tenants/acme", { caps: { pending: 2 } })
      assert.strictEqual((yield* submitTo(acme)).status, 202)
      assert.match((yield* acme("POST", "/sessions", {})).body.message, /cap on sessions is 0/)
    }).pipe(
      Effect.provide(
        Layer.provide(layer, Layer.succeed(TenantDefaults, { weight: 2, caps: { pending: 1, sessions: 0 } }))
      )
    )
  )
})
