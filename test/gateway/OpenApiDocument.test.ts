import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { contentSecurityPolicy, docsPage } from "../../src/gateway/DocsPage.ts"
import { openApiDocument } from "../../src/gateway/OpenApiDocument.ts"
import { routes } from "../../src/gateway/http/Routes.ts"
import { PublicEvent, publicEventTypes } from "../../src/rpc/PublicEvents.ts"
import { Draws, valueOf } from "./input/Fuzz.ts"
import { layer, Tokens, untilAnswered, Web } from "./GatewayRig.ts"

type Json = Record<string, any>
const document = openApiDocument()

const operations = Object.entries(document["paths"] as Json).flatMap(([path, methods]) =>
  Object.entries(methods as Json).map(([method, operation]) => ({
    path,
    method: method.toUpperCase(),
    operation: operation as Json
  }))
)

const references = (value: unknown): ReadonlyArray<string> =>
  typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([key, part]) => (key === "$ref" ? [part as string] : references(part)))

describe("the OpenAPI document", () => {
  it("has every route of the contract, each explained and with its failures", () => {
    const documented = operations
      .map(({ method, path }) => `${method} ${path.replaceAll(/\{([^}]+)\}/g, ":$1")}`)
      .sort()
    const served = routes
      .filter(({ path }) => path.startsWith("/api/v1/"))
      .map(({ method, path }) => `${method} ${path}`)
      .sort()
    assert.deepStrictEqual(documented, served)
    for (const { operation, path } of operations) {
      const { description, operationId, responses, summary, tags } = operation
      assert.isTrue(summary?.length > 5 && description?.length > 10 && tags.length === 1, `${path} ${operationId}`)
      assert.includeMembers(Object.keys(responses), ["400", "500"], operationId)
      assert.isTrue(
        Object.keys(responses).some((status) => status.startsWith("2")),
        operationId
      )
      for (const [status, response] of Object.entries(responses as Json)) {
        assert.isAbove(response.description.length, 3, `${operationId} ${status}`)
        if (Number(status) >= 400 && !/health|ready/.test(path)) {
          assert.deepStrictEqual(
            Object.keys(response.content),
            ["application/problem+json"],
            `${operationId} ${status}`
          )
        }
      }
      if (operation["security"].length > 0) assert.includeMembers(Object.keys(responses), ["401", "403"], operationId)
    }
    assert.strictEqual(new Set(operations.map(({ operation }) => operation["operationId"])).size, operations.length)
    assert.deepStrictEqual(Object.keys(document["components"].securitySchemes), ["apiKey"])
    for (const tag of document["tags"] as Array<Json>) assert.isAbove(tag["description"].length, 10)
  })

  it("refers to nothing that it does not have", () => {
    const names = new Set(Object.keys(document["components"].schemas).map((name) => `#/components/schemas/${name}`))
    for (const reference of references(document)) assert.isTrue(names.has(reference), reference)
    assert.strictEqual(document["openapi"], "3.1.0")
  })

  it("says numbers, flags and bounds of queries, and that bodies take no unknown field", () => {
    const parameters = (id: string): ReadonlyArray<Json> =>
      operations.find(({ operation }) => operation["operationId"] === id)!.operation["parameters"]
    const limit = parameters("tasks.list").find(({ name }) => name === "limit")!
    assert.deepInclude(limit["schema"], { type: "integer", minimum: 1, maximum: 1_000 })
    assert.deepInclude(parameters("instances.deregister").find(({ name }) => name === "force")!["schema"], {
      type: "boolean"
    })
    assert.isFalse(document["components"].schemas.TaskSubmission.additionalProperties)
    assert.isFalse(document["components"].schemas.TaskSubmission.properties.payload.additionalProperties)
  })

  it("has an idempotency key on every change and on nothing else", () => {
    for (const { method, operation } of operations) {
      const has = operation["parameters"].some(
        (parameter: Json) => parameter["in"] === "header" && parameter["name"] === "idempotency-key"
      )
      assert.strictEqual(has, method !== "GET", operation["operationId"])
    }
  })

  it("has the union of all public events, without secrets and without what is internal", () => {
    const union = document["components"].schemas.Event.anyOf.map(({ $ref }: Json) =>
      $ref.split("/").at(-1).slice("Event.".length)
    )
    assert.sameMembers(union, [...publicEventTypes])
    assert.includeMembers(union, [
      "task.submitted",
      "task.started",
      "task.progress",
      "task.completed",
      "task.failed",
      "instance.unhealthy"
    ])
    assert.isFalse(union.some((type: string) => type.includes("internal")))
    const text = JSON.stringify(
      Object.entries(document["components"].schemas as Json).filter(([name]) => name.startsWith("Event."))
    )
    assert.isFalse(/"secret"|"token"/.test(text))
  })

  it.live("describes the events that are really sent", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token, operator } = yield* Tokens
      yield* web.send("POST", "/api/v1/instances", { token: operator, body: { instanceId: "i1", driver: "simulated" } })
      yield* untilAnswered(
        web.send("GET", "/api/v1/instances/i1/health", { token: operator }),
        ({ body }) => body.health === "healthy"
      )
      yield* web.send("POST", "/api/v1/tasks?wait=5000", { token, body: { taskId: "t1", payload: { message: "hi" } } })
      const { body } = yield* web.send("GET", "/api/v1/tasks/t1/events", { token })
      const decode = Schema.decodeUnknownSync(PublicEvent)
      const names = body.items.map((one: { readonly type: string }) => one.type)
      assert.includeMembers(names, ["task.submitted", "task.started", "task.completed"])
      for (const event of body.items) decode(event)
    }).pipe(Effect.provide(layer))
  )
})

describe("the documentation page", () => {
  it("is one page without a script, whose policy forbids all but its own style", () => {
    const page = docsPage()
    for (const { operation } of operations) assert.include(page, `id="${operation["operationId"]}"`)
    assert.isFalse(/<script|\son\w+=|javascript:|https?:\/\/(?!localhost)/i.test(page))
    assert.match(contentSecurityPolicy, /^default-src 'none'; style-src 'sha256-/)
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]!)
    for (const link of new Set(links)) assert.include(page, `id="${link}"`)
  })

  it.live("is served with that policy", () =>
    Effect.gen(function* () {
      const { headers } = yield* (yield* Web).send("GET", "/docs")
      assert.strictEqual(headers.get("content-security-policy"), contentSecurityPolicy)
      assert.match(headers.get("content-type")!, /^text\/html/)
    }).pipe(Effect.provide(layer))
  )
})

describe("any request", () => {
  for (const seed of [1, 2, 3]) {
    it.live(
      `is answered as documented, never by a fault of the server (seed ${seed})`,
      () =>
        Effect.gen(function* () {
          const web = yield* Web
          const { admin } = yield* Tokens
          const draws = new Draws(seed)
          for (let round = 0; round < 12; round++) {
            for (const { method, operation, path } of operations) {
              if (path.endsWith("/wait")) continue
              const request = draws.request(document, path, operation)
              const answer = yield* web.send(method, request.path, { token: admin, ...request })
              const about = `${method} ${request.path} ${request.text} → ${answer.status} ${answer.text}`.slice(
                0,
                1_000
              )
              assert.isBelow(answer.status, 500, about)
              if (answer.status === 404 && answer.body?.message.startsWith("there is no such path")) continue
              assert.property(operation["responses"], String(answer.status), about)
              const types = Object.keys(operation["responses"][answer.status].content)
              assert.include(types, answer.headers.get("content-type"), about)
            }
          }
        }).pipe(Effect.provide(layer)),
      30_000
    )
  }

  it("is drawn from the document in all its kinds", () => {
    const draws = new Draws(7)
    const values = Array.from({ length: 200 }, () =>
      valueOf(draws, document, { $ref: "#/components/schemas/TaskSubmission" })
    )
    assert.isAbove(new Set(values.map((value) => JSON.stringify(value))).size, 150)
    assert.isTrue(
      values.some((value) => typeof value !== "object") && values.some((value: any) => value?.payload?.message)
    )
  })
})
