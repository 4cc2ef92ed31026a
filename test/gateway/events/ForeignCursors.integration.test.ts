/** Positions that this cluster never gave, by every way in. */
import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { WebSocket } from "ws"
import { ClawsterClient } from "../../../src/rpc/Client.ts"
import { Cursor } from "../../../src/schema/feed/Feed.ts"
import { TaskId } from "../../../src/schema/Ids.ts"
import { Tokens } from "../GatewayRig.ts"
import { layer as served, Url } from "../ServedGateway.ts"

const malformed = ["abc", "1", "1-", "-1", "1-2-3", "1-2.", "9".repeat(21) + "-1", "1-2%20", "%00"]
const ahead = "999999999-1"

const get = (path: string, token: string) =>
  Effect.flatMap(Url, (url) =>
    Effect.promise(() =>
      fetch(url + path, { headers: { authorization: `Bearer ${token}` } }).then(async (response) => ({
        status: response.status,
        body: (await response.json()) as any
      }))
    )
  )

interface Refused {
  readonly status?: number
  readonly body?: any
  readonly code?: number
  readonly reason?: string
}

/** The status and body of an upgrade that was refused, or how the socket was closed. */
const follow = (path: string, header: string | undefined, token: string) =>
  Effect.flatMap(Url, (url) =>
    Effect.callback<Refused>((resume) => {
      const headers = header === undefined ? {} : { authorization: `Bearer ${header}` }
      const socket = new WebSocket(url.replace("http", "ws") + path, { headers })
      socket.on("error", () => {})
      socket.on("open", () => socket.send(JSON.stringify({ type: "auth", token })))
      socket.on("unexpected-response", (_, response) => {
        let text = ""
        response.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")))
        response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, body: JSON.parse(text) })))
      })
      socket.on("close", (code, reason) => resume(Effect.succeed({ code, reason: reason.toString("utf8") })))
    })
  ).pipe(Effect.timeout("20 seconds"))

it.live("are refused by REST with the field's name, malformed or ahead of the feed", () =>
  Effect.gen(function* () {
    const { acme } = yield* Tokens
    const url = yield* Url
    yield* Effect.promise(() =>
      fetch(`${url}/api/v1/tasks`, {
        method: "POST",
        headers: { authorization: `Bearer ${acme}`, "content-type": "application/json" },
        body: JSON.stringify({ taskId: "t1", payload: { message: "hi" } })
      })
    )
    for (const cursor of [...malformed, ahead]) {
      const { body, status } = yield* get(`/api/v1/tasks/t1/events?after=${cursor}`, acme)
      assert.deepStrictEqual([status, body.code, body.faults?.[0]?.path], [400, "InvalidInput", "after"], cursor)
    }
  }).pipe(Effect.provide(served))
)

it.live("are refused by the socket before the upgrade, and with a close code where the key came as a message", () =>
  Effect.gen(function* () {
    const { acme } = yield* Tokens
    for (const cursor of [...malformed, ahead]) {
      const { body, status } = yield* follow(`/events?cursor=${cursor}`, acme, acme)
      assert.deepStrictEqual([status, body?.code, body?.faults?.[0]?.path], [400, "InvalidInput", "cursor"], cursor)
    }
    const closed = yield* follow(`/events?cursor=${ahead}`, undefined, acme)
    assert.strictEqual(closed.code, 4400)
    assert.include(closed.reason!, "cursor")
    assert.strictEqual((yield* follow(`/events?cursor=abc`, undefined, acme)).status, 400)
  }).pipe(Effect.provide(served))
)

it.live("end the typed client's stream with what is wrong, and are not tried again", () =>
  Effect.gen(function* () {
    const { acme } = yield* Tokens
    const url = yield* Url
    yield* Effect.gen(function* () {
      const client = yield* ClawsterClient
      const streamed = yield* Effect.flip(Stream.runDrain(client.events({ cursor: Cursor.make(ahead) })))
      assert.strictEqual(streamed._tag, "InvalidInput")
      if (streamed._tag === "InvalidInput") assert.strictEqual(streamed.faults[0]?.path, "cursor")
      yield* client.SubmitTasks({ tasks: [{ taskId: TaskId.make("t1"), payload: { message: "hi" } }] })
      const listed = yield* Effect.flip(client.TaskEvents({ taskId: TaskId.make("t1"), after: Cursor.make(ahead) }))
      assert.strictEqual(listed._tag, "InvalidInput")
    }).pipe(Effect.timeout("30 seconds"), Effect.provide(ClawsterClient.layerHttp({ url, apiKey: acme })))
  }).pipe(Effect.provide(served))
)
