import { assert, describe, it } from "@effect/vitest"
import { operationEndpoints } from "../../../src/gateway/api/OperationEndpoints.ts"
import { partsOf, payloadOf } from "../../../src/gateway/api/RequestParts.ts"

const entryOf = (noun: string, id: string) =>
  operationEndpoints.find((entry) => entry.noun === noun && entry.id === id)!
const fieldsOf = (body: unknown): ReadonlyArray<string> =>
  Object.keys((body as { readonly fields?: object } | undefined)?.fields ?? {})

describe("the parts of a REST request", () => {
  it.each(operationEndpoints.map((entry) => [`${entry.noun}.${entry.id}`, entry] as const))(
    "hold each field of the payload once: %s",
    (_, { endpoint, operation }) => {
      const { body, params, query } = partsOf(operation, endpoint)
      const original = Object.fromEntries(Object.entries(endpoint.renamed ?? {}).map(([field, name]) => [name, field]))
      const held = [
        ...Object.keys(params ?? {}),
        ...Object.keys(query ?? {}).map((name) => original[name] ?? name),
        ...(endpoint.bodyField === undefined ? fieldsOf(body) : [endpoint.bodyField]),
        ...(endpoint.omitted ?? [])
      ]
      assert.deepStrictEqual(held.sort(), Object.keys(operation.payload.fields).sort())
      assert.strictEqual([...endpoint.path.matchAll(/:/g)].length, Object.keys(params ?? {}).length)
      for (const field of Object.keys(endpoint.absent ?? {})) assert.property(query, field)
    }
  )

  it("make the payload that the same call has over RPC", () => {
    const made = (noun: string, id: string, received: Parameters<typeof payloadOf>[1]) =>
      payloadOf(entryOf(noun, id).endpoint, received)
    assert.deepStrictEqual(made("tasks", "list", { query: { phase: ["running"], limit: 5 } }), {
      phases: ["running"],
      limit: 5
    })
    assert.deepStrictEqual(
      made("lanes", "configure", { params: { lane: "a" }, query: { tenantId: "acme" }, payload: { paused: true } }),
      { lane: "a", tenantId: "acme", config: { paused: true } }
    )
    assert.deepStrictEqual(made("tasks", "wait", { params: { taskId: "t1" }, query: {} }), {
      taskId: "t1",
      millis: 60_000
    })
    assert.deepStrictEqual(made("tasks", "wait", { params: { taskId: "t1" }, query: { millis: 0 } }), {
      taskId: "t1",
      millis: 0
    })
    assert.deepStrictEqual(made("sessions", "terminate", { params: { sessionId: "s1" } }), { sessionId: "s1" })
  })
})
