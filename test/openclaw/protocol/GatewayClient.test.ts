import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Redacted, Stream } from "effect"
import * as GatewayClient from "../../../src/openclaw/protocol/GatewayClient.ts"
import { GatewayConnector, type GatewayError, type LinkStatus, type Turn } from "../../../src/openclaw/GatewayLink.ts"
import type { LinkLimits } from "../../../src/openclaw/protocol/GatewaySession.ts"
import { captured } from "../CapturedFrames.ts"
import * as FakeGateway from "../FakeGateway.ts"

const quick: Partial<LinkLimits> = {
  connectMillis: 300,
  requestMillis: 500,
  minRetryMillis: 20,
  maxRetryMillis: 100,
  hopelessRetryMillis: 600_000,
  tickMillis: { least: 10, most: 60_000 }
}

const connect = (url: string, limits: Partial<LinkLimits> = {}) =>
  GatewayConnector.use((connector) => connector.connect({ url, token: Redacted.make("secret") })).pipe(
    Effect.provide(GatewayClient.layerWith({ limits: { ...quick, ...limits } }))
  )

const turn: Turn = { sessionKey: "agent:main:s", runKey: "k", message: "hi" }

const runToEnd = (given: Turn) => (link: { readonly run: (turn: Turn) => Stream.Stream<unknown, GatewayError> }) =>
  Stream.runCollect(link.run(given))

const refusalOf = (name: string): object => {
  const frame = captured(`refusal-${name}`)[0]
  return frame?._tag === "Response" && typeof frame.error === "object" && frame.error !== null ? frame.error : {}
}

/** Where nobody listens, and which no outgoing connection is given. */
const closedPort = 1

const statusWhere = (changes: Stream.Stream<LinkStatus>, predicate: (status: LinkStatus) => boolean) =>
  Effect.map(Stream.runHead(Stream.filter(changes, predicate)), Option.getOrThrow)

describe("Connecting", () => {
  it.live("tells who it is, and what the gateway is", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make()
      const link = yield* connect(gateway.url)
      const hello = yield* link.ready
      assert.deepInclude(hello, { protocol: 4, bootId: "boot-1", scopes: FakeGateway.allScopes })
      assert.deepInclude(gateway.connects[0]?.params, {
        minProtocol: 4,
        maxProtocol: 4,
        role: "operator",
        scopes: FakeGateway.allScopes,
        caps: ["tool-events"],
        auth: { token: "secret" }
      })
      assert.isUndefined(gateway.connects[0]?.params["device"])
    })
  )

  it.live.each([
    ["bad-token", "AuthenticationFailed"],
    ["no-token", "PairingRequired"],
    ["proto3", "ProtocolMismatch"],
    ["bad-client-id", "InvalidRequest"]
  ] as const)("stops trying and says why when refused: %s", ([name, reason]) =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onConnect: (socket, request) => {
          socket.refuse(request, refusalOf(name))
          socket.close(1008, "refused")
          return true
        }
      })
      const link = yield* connect(gateway.url)
      const error = yield* Effect.flip(link.ready)
      assert.strictEqual(error.reason, reason)
      assert.isFalse(error.retryable)
      const status = yield* link.status
      assert.deepInclude(status, { _tag: "down", retrying: false })
      assert.strictEqual((yield* Effect.flip(link.run(turn).pipe(Stream.runDrain))).reason, reason)
      assert.strictEqual(gateway.connects.length, 1)
    })
  )

  it.live.each([
    ["speaks another protocol", { protocol: 5 }, "ProtocolMismatch"],
    ["grants no scopes", { scopes: [] }, "MissingScope"]
  ] as const)("refuses a gateway that %s", ([, options, reason]) =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make(options)
      const error = yield* Effect.flip((yield* connect(gateway.url)).ready)
      assert.strictEqual(error.reason, reason)
    })
  )

  it.live.each([
    [1002, "ProtocolMismatch"],
    [1008, "AuthenticationFailed"]
  ] as const)("understands a bare close with code %d in the handshake", ([code, reason]) =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onConnect: (socket) => {
          socket.close(code, "told so")
          return true
        }
      })
      const error = yield* Effect.flip((yield* connect(gateway.url)).ready)
      assert.strictEqual(error.reason, reason)
      assert.include(error.message, "told so")
    })
  )

  it.live("says that nobody listens, and goes on trying", () =>
    Effect.gen(function* () {
      const link = yield* connect(`ws://127.0.0.1:${closedPort}/`, { connectMillis: 5_000 })
      const error = yield* Effect.flip(link.ready)
      assert.deepInclude(error, { reason: "Unreachable", code: "ECONNREFUSED", retryable: true })
      assert.deepInclude(yield* statusWhere(link.statusChanges, ({ _tag }) => _tag === "down"), { retrying: true })
    })
  )

  it.live("does not wait for ever for a server that says nothing", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({ silent: true })
      const link = yield* connect(gateway.url, { connectMillis: 100 })
      const down = yield* statusWhere(link.statusChanges, ({ _tag }) => _tag === "down")
      assert.strictEqual(down._tag === "down" ? down.error.reason : "", "DeadlineExceeded")
    })
  )

  it.live("waits for a gateway that is still starting", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onConnect: (socket, request, number) => {
          if (number > 2) return false
          socket.refuse(request, {
            code: "UNAVAILABLE",
            message: "gateway starting; retry shortly",
            retryable: true,
            retryAfterMs: 10,
            details: { reason: "startup-sidecars" }
          })
          socket.close(1013, "gateway starting")
          return true
        }
      })
      const link = yield* connect(gateway.url, { connectMillis: 2000 })
      assert.strictEqual((yield* link.ready).bootId, "boot-3")
    })
  )

  it.live("connects again after the socket is dropped, and sees that the gateway is another one", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make()
      const link = yield* connect(gateway.url)
      assert.strictEqual((yield* link.ready).bootId, "boot-1")
      gateway.sockets[0]?.cut()
      yield* statusWhere(link.statusChanges, (s) => s._tag === "connected" && s.hello.bootId === "boot-2")
      assert.strictEqual((yield* link.ready).bootId, "boot-2")
    })
  )

  it.live("takes a gateway that stops ticking for lost", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({ tickIntervalMs: 40 })
      const link = yield* connect(gateway.url)
      yield* link.ready
      const down = yield* statusWhere(link.statusChanges, ({ _tag }) => _tag === "down")
      assert.include(down._tag === "down" ? down.error.message : "", "silent")
      yield* statusWhere(link.statusChanges, ({ _tag }) => _tag === "connected")
    })
  )

  it.live("stays connected while the gateway ticks", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({ tickIntervalMs: 50 })
      const link = yield* connect(gateway.url)
      yield* link.ready
      for (let tick = 0; tick < 10; tick++) {
        gateway.sockets[0]?.event("tick", { ts: tick })
        yield* Effect.sleep(30)
      }
      assert.strictEqual(gateway.connects.length, 1)
    })
  )

  it.live("ends its status with the scope", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make()
      const collected = yield* Effect.scoped(
        Effect.gen(function* () {
          const link = yield* connect(gateway.url)
          const fiber = yield* Effect.forkDetach(Stream.runCollect(link.statusChanges), { startImmediately: true })
          yield* link.ready
          return fiber
        })
      ).pipe(Effect.flatMap(Fiber.join))
      assert.strictEqual(collected.at(-1)?._tag, "closed")
      assert.include(
        collected.map(({ _tag }) => _tag),
        "connected"
      )
    })
  )
})

const accepting: FakeGateway.FakeGatewayOptions = {
  onRequest: (socket, request) => {
    if (request.method === "agent") socket.respond(request, { runId: "k", status: "accepted" })
  }
}

const lifecycle = (data: object) => ({ runId: "k", sessionKey: turn.sessionKey, stream: "lifecycle", data })

describe("Running", () => {
  it.live("streams a turn from acceptance to its one end, and passes on the trace", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          socket.event("agent", lifecycle({ phase: "start" }))
          socket.respond(request, { runId: "k", status: "accepted" })
          socket.event("agent", { runId: "k", stream: "assistant", data: { text: "yes", delta: "yes" } })
          socket.event("agent", lifecycle({ phase: "end", aborted: false }))
          const usage = { input: 1, output: 2, total: 3 }
          socket.respond(request, {
            runId: "k",
            status: "ok",
            result: { payloads: [{ text: "yes" }], meta: { agentMeta: { usage } } }
          })
          socket.event("chat", { runId: "k", state: "final" })
        }
      })
      const link = yield* connect(gateway.url)
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      const progress = yield* runToEnd({ ...turn, timeoutSeconds: 7, traceparent })(link)
      assert.deepStrictEqual(progress, [
        { _tag: "Accepted", runId: "k", bootId: "boot-1" },
        { _tag: "Phase", phase: "start" },
        { _tag: "TextDelta", delta: "yes", text: "yes" },
        {
          _tag: "Ended",
          end: { status: "ok", text: "yes", usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } }
        }
      ])
      const [request] = gateway.requests
      assert.deepStrictEqual(request?.params, {
        sessionKey: "agent:main:s",
        message: "hi",
        idempotencyKey: "k",
        timeout: 7
      })
      assert.strictEqual(request?.traceparent, traceparent)
    })
  )

  it.live("ends without the final response when that does not come", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          socket.respond(request, { runId: "k", status: "accepted" })
          socket.event("agent", lifecycle({ phase: "end", aborted: false }))
        }
      })
      const progress = yield* runToEnd(turn)(yield* connect(gateway.url))
      assert.deepStrictEqual(progress.at(-1), { _tag: "Ended", end: { status: "ok", text: "" } })
    })
  )

  it.live("fails as told when the gateway refuses the turn", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) =>
          socket.refuse(request, {
            code: "UNAVAILABLE",
            message: "agent unavailable during gateway restart",
            retryable: true,
            retryAfterMs: 1000,
            details: { reason: "gateway-restarting" }
          })
      })
      const error = yield* Effect.flip(runToEnd(turn)(yield* connect(gateway.url)))
      assert.deepInclude(error, {
        reason: "Unavailable",
        code: "UNAVAILABLE",
        retryable: true,
        retryAfterMillis: 1000,
        details: { reason: "gateway-restarting" }
      })
    })
  )

  it.live("fails with ConnectionLost when the socket drops in mid-turn, and sends nothing again", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make(accepting)
      const link = yield* connect(gateway.url)
      const error = yield* link.run(turn).pipe(
        Stream.tap(() => Effect.sync(() => gateway.sockets[0]?.cut())),
        Stream.runDrain,
        Effect.flip
      )
      assert.deepInclude(error, { reason: "ConnectionLost", retryable: true })
      yield* statusWhere(link.statusChanges, (s) => s._tag === "connected" && s.hello.bootId === "boot-2")
      assert.strictEqual(gateway.requests.filter(({ method }) => method === "agent").length, 1)
    })
  )

  it.live("fails when its link is closed in mid-turn", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make(accepting)
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const link = yield* connect(gateway.url)
          const accepted = yield* Deferred.make<void>()
          const stream = Stream.tap(link.run(turn), () => Deferred.succeed(accepted, undefined))
          const forked = yield* Effect.forkDetach(Effect.flip(Stream.runDrain(stream)))
          yield* Deferred.await(accepted)
          return forked
        })
      )
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "ConnectionLost")
    })
  )

  it.live("gives up on a gateway that does not accept the turn in time", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make()
      const error = yield* Effect.flip(runToEnd(turn)(yield* connect(gateway.url, { requestMillis: 80 })))
      assert.strictEqual(error.reason, "DeadlineExceeded")
    })
  )

  it.live("gives up on a run that never ends", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make(accepting)
      const error = yield* Effect.flip(runToEnd(turn)(yield* connect(gateway.url, { runMillis: 80 })))
      assert.strictEqual(error.reason, "DeadlineExceeded")
    })
  )

  it.live("refuses a message that the gateway would not take, before sending it", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({ ...accepting, maxPayload: 1000 })
      const link = yield* connect(gateway.url)
      const error = yield* Effect.flip(runToEnd({ ...turn, message: "x".repeat(2000) })(link))
      assert.strictEqual(error.reason, "InvalidRequest")
      assert.strictEqual(gateway.requests.length, 0)
    })
  )

  it.live("bounds the requests that wait", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make()
      const link = yield* connect(gateway.url, { maxPending: 2 })
      const results = yield* Effect.all(
        [1, 2, 3].map(() => Effect.flip(link.system)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(results.map(({ reason }) => reason).sort(), [
        "DeadlineExceeded",
        "DeadlineExceeded",
        "Unavailable"
      ])
    })
  )

  it.live("names the method and the field of an answer that it does not understand", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => socket.respond(request, { status: 7, secret: "s".repeat(100_000) })
      })
      const error = yield* Effect.flip((yield* connect(gateway.url)).suspend("r"))
      assert.strictEqual(error.reason, "ProtocolMismatch")
      assert.include(error.message, "gateway.suspend.prepare")
      assert.include(error.message, "status")
      assert.notInclude(error.message, "ssss")
    })
  )
})

describe("Attaching", () => {
  const user = { role: "user", content: "hi", idempotencyKey: "k:user" }
  const row = (runId: string, text: string) => ({
    role: "assistant",
    content: [{ type: "text", text }],
    stopReason: "stop",
    __openclaw: { runId }
  })

  /** Answers history readings one after the other, the last one again and again; never `agent`. */
  const withHistory = (...readings: ReadonlyArray<object>): FakeGateway.FakeGatewayOptions => {
    let reading = 0
    return {
      onRequest: (socket, request) => {
        if (request.method === "chat.history") {
          socket.respond(request, readings[Math.min(reading++, readings.length - 1)]!)
        }
        if (request.method === "agent.wait") socket.respond(request, { status: "timeout" })
      }
    }
  }

  it.live("follows a resumed turn under its new run id to the answer, and sends nothing", () =>
    Effect.gen(function* () {
      const recovery = {
        role: "user",
        content: "[System]",
        idempotencyKey: "r:user",
        provenance: { sourceTool: "main_session_restart_recovery" }
      }
      const gateway = yield* FakeGateway.make(
        withHistory(
          { messages: [user], sessionInfo: { status: "running", hasActiveRun: false } },
          { messages: [user, recovery], inFlightRun: { runId: "r", text: "half" }, sessionInfo: { status: "running" } },
          { messages: [user, recovery, row("r", "whole")], sessionInfo: { status: "done", hasActiveRun: false } }
        )
      )
      const link = yield* connect(gateway.url)
      const progress = yield* Stream.runCollect(link.attach(turn))
      assert.deepStrictEqual(progress, [
        { _tag: "Accepted", runId: "k", bootId: "boot-1" },
        { _tag: "TextDelta", delta: "half", text: "half" },
        { _tag: "Ended", end: { status: "ok", text: "whole", stopReason: "stop" } }
      ])
      assert.isTrue(gateway.requests.every(({ method }) => method !== "agent" && method !== "chat.send"))
    })
  )

  it.live("reads again while the answer is not written yet", () =>
    Effect.gen(function* () {
      const settled = { status: "done", hasActiveRun: false }
      const gateway = yield* FakeGateway.make(
        withHistory(
          { messages: [user], sessionInfo: settled },
          { messages: [user, row("k", "late")], sessionInfo: settled }
        )
      )
      const found = yield* (yield* connect(gateway.url)).reconcile(turn)
      assert.deepStrictEqual(found, { _tag: "done", end: { status: "ok", text: "late", stopReason: "stop" } })
    })
  )

  it.live("looks for the key in older pages before it calls it absent", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make(
        withHistory(
          { messages: [row("j", "other")], hasMore: true },
          { messages: [user, row("k", "old")], hasMore: true }
        )
      )
      const found = yield* (yield* connect(gateway.url)).reconcile(turn)
      assert.strictEqual(found._tag, "done")
      assert.deepInclude(gateway.requests[1]?.params, { offset: 200 })
    })
  )

  it.live("trusts the gateway's memory where the transcript knows nothing", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) =>
          socket.respond(
            request,
            request.method === "agent.wait"
              ? { status: "ok", endedAt: 1, terminalReply: { text: "remembered" } }
              : { messages: [] }
          )
      })
      const found = yield* (yield* connect(gateway.url)).reconcile(turn)
      assert.deepStrictEqual(found, { _tag: "done", end: { status: "ok", text: "remembered" } })
    })
  )

  it.live("says that a run is unknown rather than wait for it", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make(withHistory({ messages: [] }))
      const link = yield* connect(gateway.url)
      assert.deepStrictEqual(yield* link.reconcile(turn), { _tag: "absent" })
      const error = yield* Effect.flip(Stream.runDrain(link.attach(turn)))
      assert.deepInclude(error, { reason: "InvalidRequest", code: "RUN_UNKNOWN", retryable: false })
    })
  )
})
