import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Layer, Queue, Schedule, Scope } from "effect"
import { WebSocket } from "ws"
import { EdgeConfig } from "../../../src/gateway/EdgeConfig.ts"
import { layer as served, Url } from "../ServedGateway.ts"
import { Tokens } from "../GatewayRig.ts"

interface Frame {
  readonly type: string
  readonly cursor?: string
  readonly payload: any
}

interface Talk {
  readonly socket: WebSocket
  readonly frames: Queue.Dequeue<Frame>
  readonly closed: Queue.Dequeue<{ readonly code: number; readonly reason: string }>
}

/** A status instead of a conversation when the upgrade was refused. */
const connect = (path: string, token?: string): Effect.Effect<Talk | number, never, Url | Scope.Scope> =>
  Effect.gen(function* () {
    const url = yield* Url
    const frames = yield* Queue.unbounded<Frame>()
    const closed = yield* Queue.unbounded<{ readonly code: number; readonly reason: string }>()
    const socket = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new WebSocket(
            url.replace("http", "ws") + path,
            token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }
          )
      ),
      (ws) => Effect.sync(() => ws.terminate())
    )
    return yield* Effect.callback<Talk | number>((resume) => {
      socket.on("message", (data: Buffer) => Queue.offerUnsafe(frames, JSON.parse(data.toString("utf8")) as Frame))
      socket.on("close", (code, reason) => Queue.offerUnsafe(closed, { code, reason: reason.toString("utf8") }))
      socket.on("unexpected-response", (_, response) => resume(Effect.succeed(response.statusCode ?? 0)))
      socket.on("error", () => {})
      socket.on("open", () => resume(Effect.succeed({ socket, frames, closed })))
    })
  })

const talk = (path: string, token?: string) =>
  Effect.flatMap(connect(path, token), (it) =>
    typeof it === "number" ? Effect.die(new Error(`refused with ${it}`)) : Effect.succeed(it)
  )

const next = (frames: Queue.Dequeue<Frame>, isWanted: (frame: Frame) => boolean) =>
  Effect.gen(function* () {
    while (true) {
      const frame = yield* Queue.take(frames)
      if (isWanted(frame)) return frame
    }
  }).pipe(Effect.timeout("10 seconds"), Effect.orDie)

const post = (path: string, token: string, body: object) =>
  Effect.flatMap(Url, (url) =>
    Effect.promise(() =>
      fetch(url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body)
      }).then(async (response) => ({ status: response.status, body: (await response.json()) as any }))
    )
  )

const submit = (token: string, taskId: string) => post("/api/v1/tasks", token, { taskId, payload: { message: "hi" } })

describe("/events", () => {
  it.live("says where it begins, then sends what happens, to the tenant whose it is", () =>
    Effect.gen(function* () {
      const { acme, globex } = yield* Tokens
      const { frames } = yield* talk("/events", acme)
      const alias = yield* talk("/ws", globex)
      const hello = yield* Queue.take(frames)
      assert.deepStrictEqual([hello.type, hello.payload.heartbeatMillis], ["hello", 15_000])
      yield* submit(acme, "mine")
      yield* submit(globex, "theirs")
      const event = yield* next(frames, ({ type }) => type.startsWith("task."))
      assert.deepStrictEqual([event.type, event.payload.taskId], ["task.submitted", "mine"])
      const other = yield* next(alias.frames, ({ type }) => type.startsWith("task."))
      assert.strictEqual(other.payload.taskId, "theirs")
    }).pipe(Effect.scoped, Effect.provide(served))
  )

  it.live("goes on from a cursor without gap or repeat, and joins a list at its position", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      const before = yield* post("/api/v1/tasks", acme, { taskId: "t0", payload: { message: "hi" } })
      assert.strictEqual(before.status, 202)
      const url = yield* Url
      const list = yield* Effect.promise(() =>
        fetch(`${url}/api/v1/tasks`, { headers: { authorization: `Bearer ${acme}` } }).then(
          (response) => response.json() as Promise<any>
        )
      )
      const ids = Array.from({ length: 30 }, (_, index) => `t${index + 1}`)
      const seen: Array<string> = []
      let cursor: string = list.position
      for (const [index, id] of ids.entries()) {
        yield* submit(acme, id)
        // Cut off every third time, in the middle of whatever comes.
        if (index % 3 !== 2) continue
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { frames } = yield* talk(`/events?cursor=${cursor}&types=task.submitted`, acme)
            for (let taken = 0; taken < 3; taken++) {
              const event = yield* next(frames, ({ type }) => type === "task.submitted")
              seen.push(event.payload.taskId)
              cursor = event.cursor!
            }
          })
        )
      }
      assert.deepStrictEqual(seen, ids)
      assert.deepStrictEqual(
        list.items.map((task: { taskId: string }) => task.taskId),
        ["t0"]
      )
    }).pipe(Effect.scoped, Effect.provide(served))
  )

  it.live("refuses before the upgrade who has no valid key, another tenant's name, or a cursor that is none", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      assert.strictEqual(yield* connect("/events", "claw_0123456789abcdef_" + "0".repeat(64)), 401)
      assert.strictEqual(yield* connect("/events?tenantId=globex", acme), 404)
      assert.strictEqual(yield* connect("/events?cursor=yesterday", acme), 400)
      assert.strictEqual(yield* connect("/events?token=abc", acme), 400)
    }).pipe(Effect.scoped, Effect.provide(served))
  )

  it.live("takes a key as the first message, and closes with 4401 on another", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      const browser = yield* talk("/events")
      browser.socket.send(JSON.stringify({ type: "auth", token: acme }))
      assert.strictEqual((yield* Queue.take(browser.frames)).type, "hello")
      for (const text of [JSON.stringify({ type: "auth", token: "wrong" }), "hello?", "{}"]) {
        const stranger = yield* talk("/events")
        stranger.socket.send(text)
        assert.strictEqual((yield* Queue.take(stranger.closed)).code, 4401)
        assert.strictEqual(yield* Queue.size(stranger.frames), 0)
      }
    }).pipe(Effect.scoped, Effect.provide(served))
  )

  it.live("sends only the types that were asked for, and counts when they were", () =>
    Effect.gen(function* () {
      const { acme, operator } = yield* Tokens
      const instances = yield* talk("/events?types=instance.*", operator)
      const overview = yield* talk("/events?topics=counts", acme)
      const first = yield* next(overview.frames, ({ type }) => type === "counts")
      assert.deepStrictEqual(first.payload, { tasks: {}, instances: {} })
      yield* submit(acme, "t1")
      yield* post("/api/v1/instances", operator, { instanceId: "i1", driver: "simulated" })
      const event = yield* next(instances.frames, ({ type }) => type !== "hello")
      assert.strictEqual(event.type, "instance.registered")
      assert.notProperty(event.payload, "secret")
      const counts = yield* next(
        overview.frames,
        ({ payload, type }) => type === "counts" && Object.keys(payload.tasks).length > 0
      )
      assert.strictEqual(
        Object.values(counts.payload.tasks as Record<string, number>).reduce((sum, count) => sum + count, 0),
        1
      )
    }).pipe(Effect.scoped, Effect.provide(served))
  )

  it.live("answers a ping, and closes with 1009 on a message over 4 KiB", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      const { closed, frames, socket } = yield* talk("/events", acme)
      socket.send(JSON.stringify({ type: "ping" }))
      yield* next(frames, ({ type }) => type === "pong")
      socket.send("x".repeat(5_000))
      assert.strictEqual((yield* Queue.take(closed)).code, 1009)
    }).pipe(Effect.scoped, Effect.provide(served))
  )

  it.live(
    "closes with 1013 and where to go on when a client reads too slowly",
    () =>
      Effect.gen(function* () {
        const { acme, globex } = yield* Tokens
        const { closed, frames, socket } = yield* talk("/events", acme)
        yield* next(frames, ({ type }) => type === "hello")
        const quick = yield* talk("/events", globex)
        yield* next(quick.frames, ({ type }) => type === "hello")
        socket.pause()
        const message = "x".repeat(150_000)
        for (let batch = 0; batch < 40; batch++) {
          const { status } = yield* post("/api/v1/tasks/bulk", acme, {
            tasks: [1, 2, 3].map(() => ({ payload: { message } }))
          })
          assert.strictEqual(status, 202)
        }
        // The feed is one for all: who follows has been given everything before what another is shown.
        yield* submit(globex, "last")
        yield* next(quick.frames, ({ payload }) => payload.taskId === "last")
        socket.resume()
        const { code, reason } = yield* Queue.take(closed).pipe(Effect.timeout("20 seconds"), Effect.orDie)
        const seen = yield* Queue.takeAll(frames)
        assert.strictEqual(code, 1013)
        const last = seen.findLast(({ cursor }) => cursor !== undefined)?.cursor
        const from = /cursor=(\S+)$/.exec(reason)?.[1]
        assert.isDefined(from)
        const resumed = yield* talk(`/events?cursor=${last}`, acme)
        const following = yield* next(resumed.frames, ({ type }) => type.startsWith("task."))
        assert.isDefined(following.cursor)
        assert.isBelow(seen.length, 120)
      }).pipe(Effect.scoped, Effect.provide(served)),
    60_000
  )

  it.live(
    "closes within seconds when its key is revoked",
    () =>
      Effect.gen(function* () {
        const { admin } = yield* Tokens
        const created = yield* post("/api/v1/keys", admin, { name: "short", role: "tenant", tenantId: "acme" })
        const { closed } = yield* talk("/events", created.body.token)
        const url = yield* Url
        yield* Effect.promise(() =>
          fetch(`${url}/api/v1/keys/${created.body.key.keyId}`, {
            method: "DELETE",
            headers: { authorization: `Bearer ${admin}` }
          })
        )
        const { code } = yield* Queue.take(closed).pipe(Effect.timeout("15 seconds"), Effect.orDie)
        assert.strictEqual(code, 4401)
      }).pipe(Effect.scoped, Effect.provide(served)),
    30_000
  )
})

describe("a gateway that stops", () => {
  it.live(
    "sends its sockets away at once, and says where to go on",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(served, scope)
        const { closed, frames } = yield* talk("/events", Context.get(context, Tokens).acme).pipe(
          Effect.provide(context)
        )
        const rpc = yield* talk("/rpc").pipe(Effect.provide(context))
        yield* next(frames, ({ type }) => type === "hello")
        const startedAt = yield* Clock.currentTimeMillis
        yield* Scope.close(scope, Exit.void)
        assert.isBelow((yield* Clock.currentTimeMillis) - startedAt, 3_000)
        const { code, reason } = yield* Queue.take(closed)
        assert.deepStrictEqual([code, /cursor=\d+-\d+$/.test(reason)], [1001, true], reason)
        yield* Queue.take(rpc.closed)
      }).pipe(Effect.scoped),
    20_000
  )
})

describe("a body without a length", () => {
  it.live("is refused where it passes the limit", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      const url = yield* Url
      const chunk = new TextEncoder().encode("x".repeat(65_536))
      let left = 40
      const body = new ReadableStream({ pull: (stream) => (left-- > 0 ? stream.enqueue(chunk) : stream.close()) })
      const response = yield* Effect.promise(() =>
        fetch(`${url}/api/v1/tasks`, {
          method: "POST",
          body,
          duplex: "half",
          headers: { authorization: `Bearer ${acme}`, "content-type": "application/json" }
        } as RequestInit)
      )
      assert.strictEqual(response.status, 413)
      const problem = yield* Effect.promise(() => response.json() as Promise<any>)
      assert.strictEqual(problem.code, "PayloadTooLarge")
    }).pipe(Effect.provide(served))
  )
})

describe("sockets of one gateway process", () => {
  it.live("are refused beyond their number, those of the feed and those of RPCs each, until others have ended", () =>
    Effect.gen(function* () {
      const { acme } = yield* Tokens
      for (const path of ["/events", "/rpc"]) {
        const first = yield* talk(path, acme)
        yield* talk(path, acme)
        assert.strictEqual(yield* connect(path, acme), 429)
        first.socket.terminate()
        yield* Effect.map(connect(path, acme), (it) => typeof it !== "number").pipe(
          Effect.repeat({ until: (isOpen) => isOpen, schedule: Schedule.spaced("50 millis") }),
          Effect.timeout("10 seconds")
        )
      }
    }).pipe(Effect.scoped, Effect.provide(served.pipe(Layer.provide(Layer.succeed(EdgeConfig, { socketsMost: 2 })))))
  )
})
