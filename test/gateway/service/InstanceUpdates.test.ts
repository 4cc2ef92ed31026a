import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer, Tokens, untilAnswered, Web } from "../GatewayRig.ts"

const gateway = Effect.provide(layer)

const withInstance = (body: object = {}) =>
  Effect.gen(function* () {
    const web = yield* Web
    const { acme, operator: token } = yield* Tokens
    const register = (more: object = {}) =>
      web.send("POST", "/api/v1/instances", {
        token,
        body: { instanceId: "i1", driver: "simulated", ...body, ...more }
      })
    const registered = yield* register()
    assert.strictEqual(registered.status, 201, registered.text)
    const isPhase = (phase: string) =>
      untilAnswered(web.send("GET", "/api/v1/instances/i1", { token }), ({ body }) => body.phase === phase)
    yield* isPhase("warm")
    const put = (change: object, headers: Record<string, string> = {}) =>
      web.send("PUT", "/api/v1/instances/i1", { token, body: change, headers })
    return { acme, isPhase, put, register, token, web }
  })

describe("PUT /instances/:id", () => {
  it.live("changes caps and labels at once, keeps what is left out, and the work that runs", () =>
    Effect.gen(function* () {
      const { acme, put, token, web } = yield* withInstance({
        capabilities: ["old"],
        region: "eu",
        maxConcurrentTasks: 2
      })
      yield* web.send("POST", "/api/v1/tasks", {
        token: acme,
        body: { taskId: "slow", payload: { message: "[[delay 1500]] hello" } }
      })
      const running = web.send("GET", "/api/v1/tasks/slow", { token: acme })
      yield* untilAnswered(running, ({ body }) => body.phase === "running")
      const answer = yield* put({ maxConcurrentTasks: 1, capabilities: ["new", "more"] })
      assert.strictEqual(answer.status, 200, answer.text)
      assert.deepStrictEqual(
        answer.body.changed.toSorted((a: any, b: any) => (a.field < b.field ? -1 : 1)),
        [
          { field: "capabilities", takesEffect: "now" },
          { field: "maxConcurrentTasks", takesEffect: "now" }
        ]
      )
      assert.deepStrictEqual([answer.body.maxConcurrentTasks, answer.body.region, answer.body.phase], [1, "eu", "warm"])
      yield* web.send("POST", "/api/v1/tasks", {
        token: acme,
        body: { taskId: "next", payload: { message: "hi" }, hints: { requiredCapabilities: ["new"] } }
      })
      const ended = yield* untilAnswered(running, ({ body }) => body.phase === "completed")
      assert.strictEqual(ended.body.attempt, 1)
      const next = yield* untilAnswered(
        web.send("GET", "/api/v1/tasks/next", { token: acme }),
        ({ body }) => body.phase === "completed"
      )
      assert.isAtLeast(next.body.startedAt, ended.body.endedAt)
      assert.strictEqual((yield* put({ region: null })).body.region, undefined)
      assert.isAbove((yield* web.send("GET", "/api/v1/instances/i1", { token })).body.uptimeMillis, 0)
    }).pipe(gateway)
  )

  it.live(
    "changes how it is supervised: probes at once, what its start and its connection need from the next start on",
    () =>
      Effect.gen(function* () {
        const { put, token, web } = yield* withInstance()
        const changed = (supervision: object | null) =>
          Effect.map(put({ supervision }), ({ body, text }) => (assert.isArray(body.changed, text), body.changed[0]))
        const field = "supervision"
        assert.deepStrictEqual(yield* changed({ probeEveryMillis: 5_000 }), { field, takesEffect: "now" })
        assert.deepStrictEqual(yield* changed({ probeEveryMillis: 5_000, readyMillis: 9_000 }), {
          field,
          takesEffect: "restart"
        })
        const status = yield* web.send("GET", "/api/v1/instances/i1", { token })
        assert.deepStrictEqual(status.body.supervision, { probeEveryMillis: 5_000, readyMillis: 9_000 })
        assert.deepStrictEqual(yield* changed(null), { field, takesEffect: "restart" })
        const refused = yield* put({ supervision: { probeEveryMillis: 10 } })
        assert.deepStrictEqual([refused.status, refused.body.faults[0].path], [400, "supervision.probeEveryMillis"])
      }).pipe(gateway)
  )

  it.live("happens once under one key, and says so when nothing is other than it was", () =>
    Effect.gen(function* () {
      const { put } = yield* withInstance()
      const key = { "idempotency-key": "change-1" }
      const first = yield* put({ maxConcurrentTasks: 9 }, key)
      yield* put({ maxConcurrentTasks: 3 })
      const again = yield* put({ maxConcurrentTasks: 9 }, key)
      assert.deepStrictEqual([again.status, again.body.changed], [200, first.body.changed])
      assert.deepStrictEqual((yield* put({ maxConcurrentTasks: 3 })).body.changed, [])
      assert.strictEqual((yield* put({ maxConcurrentTasks: 4 }, key)).status, 422)
    }).pipe(gateway)
  )

  it.live("refuses what cannot be changed, and a registration with another spec names it", () =>
    Effect.gen(function* () {
      const { put, register, token, web } = yield* withInstance()
      const moved = yield* put({
        driver: "process",
        tenancy: { _tag: "dedicated", tenantId: "acme" },
        maxConcurrentTasks: 7
      })
      assert.deepStrictEqual([moved.status, moved.body.code], [409, "Conflict"])
      assert.match(moved.body.message, /driver, tenancy of instance i1 cannot be changed/)
      assert.strictEqual((yield* web.send("GET", "/api/v1/instances/i1", { token })).body.maxConcurrentTasks, 4)
      assert.strictEqual((yield* put({ driver: "simulated", tenancy: { _tag: "shared" } })).status, 200)
      const other = yield* register({ maxConcurrentTasks: 5 })
      assert.strictEqual(other.status, 409)
      assert.match(other.body.message, /another spec: maxConcurrentTasks\. .*PUT \/instances\/i1/)
      const unknown = yield* web.send("PUT", "/api/v1/instances/i2", { token, body: {} })
      assert.strictEqual(unknown.status, 404)
    }).pipe(gateway)
  )
})

const refused: ReadonlyArray<readonly [field: string, body: object]> = [
  ["maxAgents", { maxAgents: 3 }],
  ["enabledChannels", { enabledChannels: ["telegram"] }],
  ["resourceLimits.maxCpuCores", { resourceLimits: { maxCpuCores: 2 } }],
  ["resourceLimits.maxDiskGB", { resourceLimits: { maxDiskGB: 2 } }],
  ["resourceLimits.maxMemoryMB", { resourceLimits: { maxMemoryMB: 512 } }],
  ["gatewayConfig", { gatewayConfig: { logging: {} } }],
  ["maxConcurrentSessions", { maxConcurrentTasks: 4, maxConcurrentSessions: 5 }]
]

describe("fields that nothing could act on", () => {
  it.live("are refused by name, at registration and at a change, with what to do", () =>
    Effect.gen(function* () {
      const { put, token, web } = yield* withInstance()
      for (const [field, body] of refused) {
        const registration = { instanceId: "i9", driver: "simulated", ...body }
        const asked = [yield* web.send("POST", "/api/v1/instances", { token, body: registration }), yield* put(body)]
        for (const { body: problem, status } of asked) {
          assert.deepStrictEqual([status, problem.code], [400, "InvalidInput"], field)
          assert.deepStrictEqual(
            problem.faults.map(({ path }: { path: string }) => path),
            [field]
          )
          assert.match(problem.faults[0].expected, /^(nothing: |at most )/, field)
        }
      }
      const odd = { instanceId: "i9", driver: "simulated", region: "ä€😀" }
      assert.strictEqual((yield* web.send("POST", "/api/v1/instances", { token, body: odd })).status, 201)
    }).pipe(gateway)
  )

  it.live("a region is required only where one is preferred", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token } = yield* Tokens
      const hints = { regionRequired: true }
      const task = yield* web.send("POST", "/api/v1/tasks", { token, body: { payload: { message: "hi" }, hints } })
      const session = yield* web.send("POST", "/api/v1/sessions", { token, body: { hints } })
      for (const { body, status } of [task, session]) {
        assert.strictEqual(status, 400)
        assert.match(body.faults[0].path, /^hints/)
        assert.match(body.faults[0].expected, /preferredRegion/)
      }
    }).pipe(gateway)
  )

  it.live("the model of a task's hints is the one that its run uses, and an instance refuses what it may not use", () =>
    Effect.gen(function* () {
      const { acme, token, web } = yield* withInstance({ allowedModels: ["one/a", "one/b"] })
      const submit = (body: object) => web.send("POST", "/api/v1/tasks?wait=10000", { token: acme, body })
      const asked = yield* submit({ payload: { message: "hi" }, hints: { model: "one/b" } })
      const silent = yield* submit({ payload: { message: "hi" } })
      assert.deepStrictEqual([asked.body.task.phase, silent.body.task.phase], ["completed", "completed"])
      const other = yield* submit({ payload: { message: "hi", model: "two/c" }, maxRetries: 0, hints: {} }).pipe(
        Effect.timeoutOption("200 millis")
      )
      assert.strictEqual(other._tag, "None")
      const waits = yield* untilAnswered(
        web.send("GET", "/api/v1/tasks?phase=pending", { token: acme }),
        ({ body }) => body.items.length === 1 && body.items[0].waitingFor !== undefined
      )
      assert.match(waits.body.items[0].waitingFor, /without the model/)
      void token
    }).pipe(gateway)
  )
})

describe("lists of instances", () => {
  it.live("are narrowed by health, phase, driver, placement and capability", () =>
    Effect.gen(function* () {
      const { token, web } = yield* withInstance({ capabilities: ["coding"] })
      yield* web.send("POST", "/api/v1/instances", { token, body: { instanceId: "i2", driver: "simulated" } })
      const ids = (query: string) =>
        Effect.map(web.send("GET", `/api/v1/instances?${query}`, { token }), ({ body }) =>
          body.items.map(({ instanceId }: { instanceId: string }) => instanceId)
        )
      assert.deepStrictEqual(yield* ids("capability=coding"), ["i1"])
      assert.deepStrictEqual(yield* ids("driver=process"), [])
      assert.deepStrictEqual(yield* ids("driver=simulated&placement=default"), ["i1", "i2"])
      assert.deepStrictEqual(yield* ids("phase=stopped"), [])
      assert.include(yield* ids("health=healthy&phase=warm"), "i1")
    }).pipe(gateway)
  )
})

describe("logs of an instance", () => {
  it.live("are narrowed by level and text", () =>
    Effect.gen(function* () {
      const { token, web } = yield* withInstance()
      const logs = (query: string) =>
        Effect.map(web.send("GET", `/api/v1/instances/i1/logs?${query}`, { token }), ({ body }) => body.lines)
      assert.deepStrictEqual(yield* logs("search=TWO"), ["two"])
      assert.deepStrictEqual(yield* logs("level=error"), [])
      assert.deepStrictEqual(yield* logs("limit=1"), ["three"])
    }).pipe(gateway)
  )
})

describe("PUT /lanes/:lane", () => {
  it.live("keeps what is left out: a pause is only a pause", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token } = yield* Tokens
      const put = (body: object, headers: Record<string, string> = {}) =>
        web.send("PUT", "/api/v1/lanes/main", { token, body, headers })
      yield* put({ concurrency: 5, ratePerSecond: 7, capacity: 100 })
      const paused = yield* put({ paused: true }, { "idempotency-key": "pause" })
      assert.strictEqual(paused.status, 200, paused.text)
      assert.deepStrictEqual(paused.body.config, {
        concurrency: 5,
        ratePerSecond: 7,
        capacity: 100,
        backpressure: { _tag: "Block" },
        ageingMillis: 30_000,
        paused: true
      })
      yield* put({ paused: false, concurrency: 6 })
      assert.deepStrictEqual((yield* put({ paused: true }, { "idempotency-key": "pause" })).body, paused.body)
      const { config } = (yield* put({ ratePerSecond: null })).body
      assert.deepStrictEqual([config.ratePerSecond, config.concurrency, config.paused], [undefined, 6, false])
    }).pipe(gateway)
  )
})

describe("a change by who belongs to no tenant", () => {
  it.live("is refused when it names none, and names one by what it says", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { operator: token } = yield* Tokens
      const body = { payload: { message: "hi" } }
      for (const [method, path, asked] of [
        ["POST", "/tasks", body],
        ["POST", "/tasks/cancel", { phases: ["pending"] }],
        ["POST", "/tasks/replay", {}],
        ["PUT", "/lanes/main", { paused: true }],
        ["POST", "/sessions", {}]
      ] as const) {
        const { body: problem, status } = yield* web.send(method, `/api/v1${path}`, { token, body: asked })
        assert.deepStrictEqual([status, problem.faults?.[0]?.path], [400, "tenantId"], path)
      }
    }).pipe(gateway)
  )
})
