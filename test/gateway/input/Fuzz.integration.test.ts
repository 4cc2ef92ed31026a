/**
 * Whatever callers send to an edge over PostgreSQL: no answer is a fault of the server, and all that is stored can be
 * read and served afterwards.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { openApiDocument } from "../../../src/gateway/OpenApiDocument.ts"
import * as DriverSet from "../../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { ClientRpcs } from "../../../src/rpc/ClientRpcs.ts"
import * as RunnerActors from "../../../src/runners/RunnerActors.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { PgEdge } from "../PgEdge.ts"
import { Draws, odd } from "./Fuzz.ts"

const layer = PgEdge.layer.pipe(
  Layer.provideMerge(RunnerActors.layer),
  Layer.provideMerge(DriverSet.layer([SimulatedDriver.make])),
  Layer.provideMerge(SimulatedFleet.layer({ startMillis: 20 })),
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provideMerge(Postgres.layer)
)

const ask = Effect.fnUntraced(function* (method: string, path: string, text?: string) {
  const { token, url } = yield* PgEdge
  return yield* Effect.promise(async () => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(text === undefined ? {} : { "content-type": "application/json" })
      },
      ...(text === undefined ? {} : { body: text })
    })
    return { status: response.status, text: await response.text() }
  })
})

const document = openApiDocument()
const operations = Object.entries(document["paths"] as Record<string, any>).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, any>).map(([method, operation]) => ({
    method: method.toUpperCase(),
    path,
    operation
  }))
)

/** Every text and number of a sound value in turn, replaced by something odd. */
function* spoilt(value: unknown, by: ReadonlyArray<unknown>): Generator<unknown> {
  if (typeof value !== "object" || value === null) {
    yield* by
    return
  }
  for (const [key, part] of Object.entries(value)) {
    for (const other of spoilt(part, by)) {
      yield Array.isArray(value)
        ? value.map((item, index) => (String(index) === key ? other : item))
        : { ...value, [key]: other }
    }
  }
}

const changes: ReadonlyArray<readonly [method: string, path: string, rpc: string, body: object]> = [
  [
    "POST",
    "/tasks",
    "SubmitTasks",
    {
      lane: "fuzz",
      payload: { message: "hi", model: "m", thinking: "low", extraSystemPrompt: "p" },
      hints: { preferredRegion: "eu", requiredCapabilities: ["c"], maxLatencyMillis: 5 },
      notBefore: 8e15,
      deadlineAt: 8.1e15,
      backoffMillis: 1
    }
  ],
  ["POST", "/tasks/t1/cancel", "CancelTask", { reason: "because" }],
  ["POST", "/sessions", "CreateSession", { label: "l", hints: { model: "m" } }],
  ["POST", "/sessions/talk/turns", "SendTurn", { message: "hi", timeoutMillis: 5_000 }],
  ["POST", "/sessions/talk/steer", "SteerSession", { message: "hi" }],
  [
    "POST",
    "/instances",
    "RegisterInstance",
    {
      driver: "process",
      region: "r",
      capabilities: ["c"],
      resourceLimits: { maxMemoryMB: 5 },
      gatewayConfig: { a: ["b", 1] }
    }
  ],
  ["PUT", "/lanes/fuzz", "ConfigureLane", { concurrency: 5, ratePerSecond: 5, capacity: 50, ageingMillis: 5 }],
  ["POST", "/keys", "CreateKey", { name: "n", role: "operator" }]
]

const rpcPayload = (tag: string, body: object): object => {
  if (tag === "SubmitTasks") return { tasks: [body] }
  if (tag === "ConfigureLane") return { lane: "fuzz", config: body }
  if (tag === "CancelTask") return { taskId: "t1", ...body }
  return tag === "SendTurn" || tag === "SteerSession" ? { sessionId: "talk", ...body } : body
}

it.layer(layer, { timeout: 120_000, excludeTestServices: true })("an edge over PostgreSQL", (it) => {
  it.effect(
    "answers whatever is sent, and serves all that it stored",
    () =>
      Effect.gen(function* () {
        yield* ask(
          "POST",
          "/api/v1/tasks",
          JSON.stringify({ taskId: "t1", lane: "fuzz", payload: { message: "hi" }, notBefore: 8e15 })
        )
        yield* ask("POST", "/api/v1/sessions", JSON.stringify({ sessionId: "talk" }))
        let sent = 0
        for (const [method, path, tag, body] of changes) {
          for (const bad of spoilt(body, odd)) {
            const text = JSON.stringify(bad)
            const answer = yield* ask(method, `/api/v1${path}`, text)
            assert.isBelow(answer.status, 500, `${method} ${path} ${text.slice(0, 300)} → ${answer.text.slice(0, 500)}`)
            if (sent++ % 3 > 0) continue
            const request = { _tag: "Request", id: "1", tag, payload: rpcPayload(tag, bad as object), headers: [] }
            const over = yield* ask("POST", "/rpc", `${JSON.stringify(request)}\n`)
            assert.isBelow(over.status, 500, `${tag} ${text.slice(0, 300)} → ${over.text.slice(0, 500)}`)
            assert.notInclude(over.text, "ActorUnavailable", `${tag} ${text.slice(0, 300)}`)
          }
        }
        assert.includeMembers(
          [...ClientRpcs.requests.keys()],
          changes.map(([, , tag]) => tag)
        )
        for (const list of ["tasks", "sessions", "lanes", "instances", "keys"]) {
          const { status, text } = yield* ask("GET", `/api/v1/${list}?limit=1000`)
          assert.strictEqual(status, 200, `${list}: ${text.slice(0, 500)}`)
          for (const { taskId } of list === "tasks" ? JSON.parse(text).items : []) {
            const task = yield* ask("GET", `/api/v1/tasks/${taskId}`)
            assert.strictEqual(task.status, 200, `${taskId}: ${task.text.slice(0, 500)}`)
          }
        }
        const sound = yield* ask("POST", "/api/v1/tasks", JSON.stringify({ lane: "sound", payload: { message: "hi" } }))
        assert.strictEqual(sound.status, 202, sound.text)
      }),
    240_000
  )

  it.effect("knows an id that was used before by its row, also of before fingerprints were kept", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const submit = (message: string, lane: string) =>
        Effect.map(
          ask("POST", "/api/v1/tasks", JSON.stringify({ taskId: "own", lane, payload: { message } })),
          ({ status, text }) => [status, JSON.parse(text).outcome]
        )
      assert.deepStrictEqual(yield* submit("one", "left"), [202, "accepted"])
      for (const isOld of [false, true]) {
        if (isOld) {
          yield* sql.unsafe(
            `UPDATE clawster_tasks SET spec = (spec::jsonb - 'fingerprint')::json WHERE task_id = 'own' AND spec ->> 'fingerprint' IS NOT NULL`
          )
        }
        assert.deepStrictEqual(yield* submit("one", "left"), [202, "duplicate"])
        assert.deepStrictEqual(yield* submit("two", "left"), [409, undefined])
        assert.deepStrictEqual(yield* submit("one", "right"), [409, undefined])
      }
    })
  )

  it.effect(
    "never fails by a fault of its own on requests drawn from its document",
    () =>
      Effect.gen(function* () {
        const draws = new Draws(11)
        for (let round = 0; round < 4; round++) {
          for (const { method, operation, path } of operations) {
            if (path.endsWith("/wait") || path.endsWith("/logs")) continue
            const request = draws.request(document, path, operation)
            const answer = yield* ask(method, request.path, request.text)
            assert.isBelow(
              answer.status,
              500,
              `${method} ${request.path} ${request.text?.slice(0, 300)} → ${answer.text.slice(0, 500)}`
            )
          }
        }
      }),
    240_000
  )
})
