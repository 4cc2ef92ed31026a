import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CommitLog } from "../../fixtures/memory/MemoryReads.ts"
import { requestBytes } from "../../../src/schema/text/Bounds.ts"
import { type Ask, layer, Tokens, Web } from "../GatewayRig.ts"

const message = { payload: { message: "hi" } }
const huge = "x".repeat(1_000_000)

interface Case {
  readonly title: string
  readonly method?: string
  readonly path?: string
  readonly ask: Omit<Ask, "token">
  readonly as?: "acme" | "operator" | "admin"
  readonly status: number
  readonly code: string
  readonly fault?: string
}

const refused = (title: string, path: string, fault: string, ask: Case["ask"], more: Partial<Case> = {}): Case => ({
  title,
  path,
  ask,
  status: 400,
  code: "InvalidInput",
  fault,
  ...more
})

const nul = "a\u0000b"
const half = "a\ud800b"
const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`
const process = (gatewayConfig: unknown) => ({ body: { driver: "process", gatewayConfig } })
const asOperator = { as: "operator" } as const
const lastInstant = 8_640_000_000_000_000

/** Each would be refused by the store, or could not be read from it. */
const unstorable: ReadonlyArray<Case> = [
  refused("U+0000 in a message", "/tasks", "payload.message", { body: { payload: { message: nul } } }),
  refused("half a surrogate pair in a message", "/tasks", "payload.message", { body: { payload: { message: half } } }),
  refused("U+0000 in a system prompt", "/tasks", "payload.extraSystemPrompt", {
    body: { payload: { message: "hi", extraSystemPrompt: nul } }
  }),
  refused("U+0000 in a model", "/tasks", "payload.model", { body: { payload: { message: "hi", model: nul } } }),
  refused("U+0000 in a capability", "/tasks", "hints.requiredCapabilities[0]", {
    body: { ...message, hints: { requiredCapabilities: [nul] } }
  }),
  refused("U+0000 in the second of many", "/tasks/bulk", "tasks[1].payload.message", {
    body: { tasks: [message, { payload: { message: nul } }] }
  }),
  refused("U+0000 in a reason", "/tasks/t1/cancel", "reason", { body: { reason: nul } }),
  refused("half a surrogate pair in a reason", "/tasks/t1/cancel", "reason", { body: { reason: half } }),
  refused("a reason of 1,001 characters", "/tasks/t1/cancel", "reason", { body: { reason: "x".repeat(1_001) } }),
  refused("more phases than there are", "/tasks/cancel", "phases", {
    body: { phases: Array.from({ length: 17 }, () => "pending") }
  }),
  refused("U+0000 in a session's label", "/sessions", "label", { body: { label: nul } }),
  refused("U+0000 in a turn", "/sessions/talk/turns", "message", { body: { message: nul } }),
  refused("U+0000 in a steer", "/sessions/talk/steer", "message", { body: { message: nul } }),
  refused("U+0000 in a key's name", "/keys", "name", { body: { name: nul, role: "operator" } }, { as: "admin" }),
  refused(
    "U+0000 in a label",
    "/instances",
    "capabilities[0]",
    { body: { driver: "simulated", capabilities: [nul] } },
    asOperator
  ),
  refused("U+0000 in a path", "/tasks/a%00b/cancel", "taskId", { body: {} }),
  refused("U+0000 in a filter", "/tasks?lane=a%00b", "lane", {}, { method: "GET" }),
  refused("U+0000 in a page token", "/tasks?after=a%00b", "after", {}, { method: "GET" }),
  refused(
    "a token of 1 MB",
    "/instances",
    "endpoint.token",
    {
      body: { driver: "remote", endpoint: { url: "ws://127.0.0.1:1", token: "x".repeat(1_000_000) } }
    },
    asOperator
  ),
  refused(
    "U+0000 in a URL",
    "/instances",
    "endpoint.url",
    {
      body: { driver: "remote", endpoint: { url: `ws://127.0.0.1:1/${nul}`, token: "t" } }
    },
    asOperator
  ),
  refused("U+0000 deep in a gateway's config", "/instances", "gatewayConfig", process({ a: [{ b: nul }] }), asOperator),
  refused(
    "U+0000 in a key of a gateway's config",
    "/instances",
    "gatewayConfig",
    process({ a: { [nul]: 1 } }),
    asOperator
  ),
  refused(
    "a gateway's config of 70,000 characters",
    "/instances",
    "gatewayConfig",
    process({ a: "x".repeat(70_000) }),
    asOperator
  ),
  refused(
    "a gateway's config of 33 levels",
    "/instances",
    "gatewayConfig",
    process(JSON.parse(nested(33))),
    asOperator
  ),
  refused(
    "a gateway's config of 100,000 levels",
    "/instances",
    "gatewayConfig",
    {
      text: `{"driver":"process","gatewayConfig":${nested(100_000)}}`
    },
    asOperator
  ),
  refused("a time after the last one", "/tasks", "notBefore", { body: { ...message, notBefore: lastInstant + 2 } }),
  refused("a deadline after the last time", "/tasks", "deadlineAt", {
    body: { ...message, deadlineAt: lastInstant + 2 }
  }),
  refused("a time of 1e308", "/tasks", "notBefore", { body: { ...message, notBefore: 1e308 } }),
  refused("a backoff of 31 days", "/tasks", "backoffMillis", { body: { ...message, backoffMillis: 2_678_400_000 } }),
  refused("a rate of 2^53", "/lanes/default", "ratePerSecond", { body: { ratePerSecond: 2 ** 53 } }, { method: "PUT" }),
  refused(
    "memory of 2^53 megabytes",
    "/instances",
    "resourceLimits.maxMemoryMB",
    {
      body: { driver: "simulated", resourceLimits: { maxMemoryMB: 2 ** 53 } }
    },
    asOperator
  )
]

/** Each would be the first page again, for ever, or an empty one. */
const badTokens: ReadonlyArray<Case> = [
  ["tasks", "abc"],
  ["tasks", "lanes~acme/default"],
  ["sessions", "abc"],
  ["sessions", "~"],
  ["sessions", "lanes~acme/default"],
  ["sessions", "sessions~acme"],
  ["lanes", "acme/default"],
  ["lanes", "lanes~acme/default/more"],
  ["instances", "instances~"],
  ["instances", "5~t1~acme"],
  ["keys", "keys~ffffffffffff"],
  ["keys", "0123456789abcdef"]
].map(([list, token]) =>
  refused(
    `${token} as the page token of ${list}`,
    `/${list}?after=${token}`,
    "after",
    {},
    {
      method: "GET",
      ...(list === "instances" || list === "keys" ? { as: list === "keys" ? "admin" : "operator" } : {})
    }
  )
)

const cases: ReadonlyArray<Case> = [
  ...unstorable,
  ...badTokens,
  {
    title: "an unknown field",
    ask: { body: { ...message, prioritty: "high" } },
    status: 400,
    code: "InvalidInput",
    fault: "prioritty"
  },
  {
    title: "an unknown field within",
    ask: { body: { payload: { message: "hi", mesage: "" } } },
    status: 400,
    code: "InvalidInput",
    fault: "payload.mesage"
  },
  { title: "a missing field", ask: { body: {} }, status: 400, code: "InvalidInput", fault: "payload" },
  {
    title: "a wrong type",
    ask: { body: { ...message, maxRetries: "3" } },
    status: 400,
    code: "InvalidInput",
    fault: "maxRetries"
  },
  {
    title: "a value out of bounds",
    ask: { body: { ...message, maxRetries: 20 } },
    status: 400,
    code: "InvalidInput",
    fault: "maxRetries"
  },
  {
    title: "an unknown priority",
    ask: { body: { ...message, priority: "urgent" } },
    status: 400,
    code: "InvalidInput",
    fault: "priority"
  },
  {
    title: "an empty message",
    ask: { body: { payload: { message: "" } } },
    status: 400,
    code: "InvalidInput",
    fault: "payload.message"
  },
  {
    title: "an id of nearly 1 MB",
    ask: { body: { ...message, taskId: huge } },
    status: 400,
    code: "InvalidInput",
    fault: "taskId"
  },
  {
    title: "an id with a slash",
    ask: { body: { ...message, taskId: "a/b" } },
    status: 400,
    code: "InvalidInput",
    fault: "taskId"
  },
  { title: "a null", ask: { text: "null" }, status: 400, code: "InvalidInput", fault: "" },
  { title: "a list", ask: { text: "[]" }, status: 400, code: "InvalidInput", fault: "" },
  { title: "malformed JSON", ask: { text: '{"payload":' }, status: 400, code: "InvalidInput", fault: "" },
  {
    title: "no body",
    ask: { headers: { "content-type": "application/json" } },
    status: 400,
    code: "InvalidInput",
    fault: ""
  },
  {
    title: "another content type",
    ask: { text: "payload=hi", headers: { "content-type": "application/x-www-form-urlencoded" } },
    status: 415,
    code: "UnsupportedMediaType"
  },
  {
    title: "a body over 1 MiB",
    ask: {
      text: JSON.stringify({ ...message, taskId: "x".repeat(requestBytes.ordinary) }),
      headers: { "content-length": String(requestBytes.ordinary + 100) }
    },
    status: 413,
    code: "PayloadTooLarge"
  },
  {
    title: "another tenant",
    ask: { body: { ...message, tenantId: "globex" } },
    status: 404,
    code: "NotFound",
    fault: "tenantId"
  },
  {
    title: "no tenant where one must be named",
    as: "operator",
    ask: { body: message },
    status: 400,
    code: "InvalidInput",
    fault: "tenantId"
  },
  {
    title: "a tenant that is no id",
    as: "operator",
    ask: { body: { ...message, tenantId: "../etc" } },
    status: 400,
    code: "InvalidInput",
    fault: "tenantId"
  },
  {
    title: "an idempotency key with a blank",
    ask: { body: message, headers: { "idempotency-key": "a b" } },
    status: 400,
    code: "InvalidInput",
    fault: "idempotency-key"
  },
  {
    title: "an idempotency key of 256 characters",
    ask: { body: message, headers: { "idempotency-key": "k".repeat(256) } },
    status: 400,
    code: "InvalidInput",
    fault: "idempotency-key"
  },
  {
    title: "a wait of more than a minute",
    path: "/tasks?wait=60001",
    ask: { body: message },
    status: 400,
    code: "InvalidInput",
    fault: "wait"
  },
  {
    title: "an unknown query parameter",
    path: "/tasks?wiat=1",
    ask: { body: message },
    status: 400,
    code: "InvalidInput",
    fault: "wiat"
  },
  {
    title: "no tasks at all",
    path: "/tasks/bulk",
    ask: { body: { tasks: [] } },
    status: 400,
    code: "InvalidInput",
    fault: "tasks"
  },
  {
    title: "a fault in the fourth task",
    path: "/tasks/bulk",
    ask: { body: { tasks: [message, message, message, { ...message, priority: 1 }] } },
    status: 400,
    code: "InvalidInput",
    fault: "tasks[3].priority"
  },
  {
    title: "tasks of two lanes",
    path: "/tasks/bulk",
    ask: { body: { tasks: [message, { ...message, lane: "other" }] } },
    status: 400,
    code: "InvalidInput",
    fault: "tasks[1].lane"
  },
  {
    title: "1,001 tasks",
    path: "/tasks/bulk",
    ask: { body: { tasks: Array.from({ length: 1_001 }, () => message) } },
    status: 400,
    code: "InvalidInput",
    fault: "tasks"
  },
  {
    title: "a path parameter of 10,000 characters",
    method: "GET",
    path: `/tasks/${"x".repeat(10_000)}`,
    ask: {},
    status: 400,
    code: "InvalidInput",
    fault: "taskId"
  },
  {
    title: "an upper-case session id",
    path: "/sessions",
    ask: { body: { sessionId: "Talk" } },
    status: 400,
    code: "InvalidInput",
    fault: "sessionId"
  },
  {
    title: "a limit of zero",
    method: "GET",
    path: "/tasks?limit=0",
    ask: {},
    status: 400,
    code: "InvalidInput",
    fault: "limit"
  },
  {
    title: "a limit that is no number",
    method: "GET",
    path: "/tasks?limit=many",
    ask: {},
    status: 400,
    code: "InvalidInput",
    fault: "limit"
  },
  {
    title: "a placement that nobody serves",
    as: "operator",
    path: "/instances",
    ask: { body: { driver: "simulated", placement: "host-nowhere" } },
    status: 400,
    code: "InvalidInput",
    fault: "placement"
  },
  {
    title: "a remote instance without an address",
    as: "operator",
    path: "/instances",
    ask: { body: { driver: "remote" } },
    status: 400,
    code: "InvalidInput",
    fault: "endpoint"
  },
  {
    title: "a lane with no concurrency",
    method: "PUT",
    path: "/lanes/default",
    ask: { body: { concurrency: 0 } },
    status: 400,
    code: "InvalidInput",
    fault: "concurrency"
  },
  {
    title: "a tenant's key without a tenant",
    as: "admin",
    path: "/keys",
    ask: { body: { name: "x", role: "tenant" } },
    status: 400,
    code: "InvalidInput",
    fault: "tenantId"
  },
  { title: "a wrong method", method: "PATCH", ask: { body: message }, status: 405, code: "MethodNotAllowed" },
  { title: "an unknown path", path: "/taskz", ask: { body: message }, status: 404, code: "NotFound" },
  { title: "an unknown task", method: "GET", path: "/tasks/nobody", ask: {}, status: 404, code: "NotFound" },
  {
    title: "a turn of an unknown session",
    path: "/sessions/nobody/turns",
    ask: { body: { message: "hi" } },
    status: 404,
    code: "NotFound"
  }
]

describe("bad input", () => {
  it.live.each(cases)(
    "is refused by code and field, and nothing is stored: $title",
    ({ as = "acme", ask, code, fault, method = "POST", path = "/tasks", status }) =>
      Effect.gen(function* () {
        const web = yield* Web
        const tokens = yield* Tokens
        const answer = yield* web.send(method, `/api/v1${path}`, { ...ask, token: tokens[as] })
        assert.deepStrictEqual(
          [answer.status, answer.body?.code, answer.body?.status],
          [status, code, status],
          answer.text.slice(0, 500)
        )
        assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/)
        assert.isAbove(answer.body.message.length, 5)
        assert.isBelow(answer.text.length, 4_000)
        if (fault !== undefined) {
          const paths = answer.body.faults.map((found: { path: string }) => found.path)
          assert.include(paths, fault, answer.text)
          for (const found of answer.body.faults) assert.isAbove(found.expected.length, 3, answer.text)
        }
        const log = yield* CommitLog
        assert.deepStrictEqual(
          log.map(({ entry }) => entry.command),
          []
        )
      }).pipe(Effect.provide(layer))
  )

  it.live("says all that is wrong, each field once", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { acme: token } = yield* Tokens
      const { body } = yield* web.send("POST", "/api/v1/tasks", {
        token,
        body: { payload: { message: 1 }, priority: "x", lane: "", extra: true, hints: { regionRequired: "yes" } }
      })
      const paths = new Set(body.faults.map((fault: { path: string }) => fault.path))
      assert.deepStrictEqual([...paths].sort(), [
        "extra",
        "hints.regionRequired",
        "lane",
        "payload.message",
        "priority"
      ])
    }).pipe(Effect.provide(layer))
  )

  it.live("tells which methods a path has", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { headers } = yield* web.send("PATCH", "/api/v1/tasks/t1")
      assert.strictEqual(headers.get("allow"), "GET, DELETE, HEAD")
    }).pipe(Effect.provide(layer))
  )
})
