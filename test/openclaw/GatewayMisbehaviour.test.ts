import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Option, Redacted, Stream } from "effect"
import { performance } from "node:perf_hooks"
import * as GatewayClient from "../../src/openclaw/protocol/GatewayClient.ts"
import { GatewayConnector, type GatewayLink, type Turn, type TurnEnd } from "../../src/openclaw/GatewayLink.ts"
import type { LinkLimits } from "../../src/openclaw/protocol/GatewaySession.ts"
import { bounds, gatewayBounds } from "../../src/schema/text/Bounds.ts"
import * as FakeGateway from "./FakeGateway.ts"
import { until } from "../fixtures/Until.ts"

const connect = (url: string, limits: Partial<LinkLimits> = {}) =>
  GatewayConnector.use((connector) => connector.connect({ url, token: Redacted.make("secret") })).pipe(
    Effect.provide(GatewayClient.layerWith({ limits: { connectMillis: 60_000, requestMillis: 60_000, ...limits } }))
  )

const turn: Turn = { sessionKey: "agent:main:s", runKey: "k", message: "hi" }

const lostBy = (link: GatewayLink, reason: string) =>
  Effect.map(
    Stream.runHead(Stream.filter(link.statusChanges, (s) => s._tag === "down" && s.error.reason === reason)),
    Option.getOrThrow
  )

const endOf = (link: GatewayLink): Effect.Effect<TurnEnd | undefined, unknown> =>
  Effect.map(Stream.runCollect(link.run(turn)), (all) => {
    const last = all.at(-1)
    return last?._tag === "Ended" ? last.end : undefined
  })

/** Nothing is taken for three seconds after the run was accepted, so that all it says has to be held. */
const takenSlowly = (link: GatewayLink) =>
  link.run(turn).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((one) => Effect.as(Effect.sleep(one._tag === "Accepted" ? 3_000 : 0), one)),
    Stream.runCollect
  )

describe("A gateway that misbehaves", () => {
  it.live("and says again after 0 ms and closes, is asked less and less often", () =>
    Effect.gen(function* () {
      const at: Array<number> = []
      const gateway = yield* FakeGateway.make({
        onConnect: (socket, request) => {
          at.push(performance.now())
          socket.refuse(request, { code: "UNAVAILABLE", message: "later", retryable: true, retryAfterMs: 0 })
          socket.close(1013, "later")
          return true
        }
      })
      yield* connect(gateway.url)
      yield* until(
        "it was asked five times",
        Effect.sync(() => at.length >= 5),
        "60 seconds"
      )
      const gaps = at.slice(1, 5).map((time, index) => time - at[index]!)
      gaps.forEach((gap, index) => assert.isAtLeast(gap, 0.45 * Math.min(1_000, 250 * 2 ** index)))
    })
  )

  it.live("and closes after each good handshake, is asked less and less often too", () =>
    Effect.gen(function* () {
      const at: Array<number> = []
      const gateway = yield* FakeGateway.make({
        onConnect: (socket) => {
          at.push(performance.now())
          setImmediate(() => socket.close(1012, "restarting"))
          return false
        }
      })
      yield* connect(gateway.url)
      yield* until(
        "it was asked five times",
        Effect.sync(() => at.length >= 5),
        "60 seconds"
      )
      at.slice(1, 5).forEach((time, index) => assert.isAtLeast(time - at[index]!, 0.45 * 250 * 2 ** index))
    })
  )

  it.live("and sends a frame above the bound, is left unread with a reason, and counted", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make()
      const link = yield* connect(gateway.url, { maxFrameBytes: 100_000 })
      yield* link.ready
      gateway.sockets[0]!.event("agent", { runId: "k", text: "x".repeat(200_000) })
      const down = yield* lostBy(link, "FrameTooLarge")
      assert.include(down._tag === "down" ? down.error.message : "", "100000 bytes")
      const counted = (yield* Metric.snapshot).filter(
        ({ attributes, id }) => id === "clawster_gateway_links_lost_total" && attributes?.["reason"] === "FrameTooLarge"
      )
      assert.strictEqual(counted.length, 1)
    })
  )

  it.live("and answers with an error text of 20 MB, fails the run with a text that can be kept", () =>
    Effect.gen(function* () {
      const huge = "e".repeat(20_000_000)
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          if (request.method !== "agent") return
          socket.respond(request, { runId: "k", status: "accepted" })
          socket.event("agent", { runId: "k", stream: "tool", data: { phase: "start", name: huge, toolCallId: "1" } })
          socket.respond(request, { runId: "k", status: "error", summary: huge })
        }
      })
      const end = yield* endOf(yield* connect(gateway.url))
      assert.deepInclude(end?.failure, { code: "RUN_FAILED", retryable: true })
      assert.isAtMost(end?.failure?.message.length ?? 0, bounds.errorMessage)
    })
  )

  it.live("and answers under other ids, speaks garbage and ticks, is given up by the deadline", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          socket.respond({ ...request, id: "other" }, { runId: "k", status: "ok" })
          socket.event("tick", { ts: 1 })
          socket.event("agent", { runId: "k", stream: 5, data: [] })
        }
      })
      const link = yield* connect(gateway.url, { requestMillis: 300 })
      const error = yield* Effect.flip(endOf(link))
      assert.deepInclude(error, { reason: "DeadlineExceeded" })
      assert.strictEqual((yield* link.status)._tag, "connected")
    })
  )

  it.live("and floods tools and texts that nobody takes, does not fill the memory, and its end is not lost", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          if (request.method !== "agent") return
          socket.respond(request, { runId: "k", status: "accepted" })
          for (let n = 0; n < 20_000; n++) {
            socket.event("agent", {
              runId: "k",
              stream: "tool",
              data: { phase: "start", name: "exec", toolCallId: `${n}` }
            })
          }
          socket.respond(request, { runId: "k", status: "ok", result: { payloads: [{ text: "done" }] } })
        }
      })
      const link = yield* connect(gateway.url, { requestMillis: 20_000 })
      const progress = yield* takenSlowly(link)
      assert.isBelow(progress.length, 5_000)
      assert.deepInclude(progress.at(-1), { _tag: "Ended", end: { status: "ok", text: "done" } })
    })
  )

  it.live("and repeats a long text that nobody takes, does not fill the memory, and its end is not lost", () =>
    Effect.gen(function* () {
      const text = "x".repeat(100_000)
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          if (request.method !== "agent") return
          socket.respond(request, { runId: "k", status: "accepted" })
          for (let n = 0; n < 500; n++) {
            const data = { text: `${text}${n}`, delta: String(n) }
            socket.event("agent", { runId: "k", stream: "assistant", data })
          }
          socket.respond(request, { runId: "k", status: "ok", result: { payloads: [{ text: "done" }] } })
        }
      })
      const link = yield* connect(gateway.url, { requestMillis: 20_000 })
      const progress = yield* takenSlowly(link)
      const texts = progress.filter(({ _tag }) => _tag === "TextDelta")
      assert.isAtLeast(texts.length, 1)
      assert.isAtMost(texts.length, 50)
      assert.deepInclude(progress.at(-1), { _tag: "Ended", end: { status: "ok", text: "done" } })
    })
  )

  it.live("and lists more than anybody asked for, is read as far as the bound", () =>
    Effect.gen(function* () {
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) =>
          socket.respond(request, {
            sessions: Array.from({ length: 2_000 }, (_, n) => ({ key: `${n}`, label: "l".repeat(1_000) })),
            lines: Array.from({ length: 20_000 }, () => "l".repeat(200)),
            lanes: [{ lane: "main", activeCount: -1, queuedCount: 1e300 }],
            processMemory: { rssBytes: -5 },
            eventLoop: { cpuCoreRatio: 1e300 }
          })
      })
      const link = yield* connect(gateway.url)
      const sessions = yield* link.listSessions({ limit: 1, offset: 0 })
      assert.strictEqual(sessions.length, gatewayBounds.rows)
      assert.isAtMost(sessions[0]!.label!.length, bounds.label)
      assert.isAtMost((yield* link.logs(10)).length, 10_000)
      assert.deepStrictEqual(yield* link.lanes, [{ lane: "main", active: 0, queued: gatewayBounds.count }])
      assert.deepStrictEqual(yield* link.system, { rssBytes: 0, cpu: 1 })
    })
  )

  it.live("and ends a run by event before the rest is said, has the rest read from its records", () =>
    Effect.gen(function* () {
      const whole = "word ".repeat(3_000)
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          if (request.method === "agent") {
            socket.respond(request, { runId: "k", status: "accepted" })
            socket.event("agent", { runId: "k", stream: "assistant", data: { text: "word ", delta: "word " } })
            const terminalReply = { text: whole.slice(0, 4_095) }
            socket.event("agent", {
              runId: "k",
              stream: "lifecycle",
              data: { phase: "end", aborted: false, terminalReply }
            })
          } else if (request.method === "chat.history") {
            const user = { role: "user", content: "hi", idempotencyKey: "k:user" }
            const large = {
              role: "assistant",
              content: [{ type: "text", text: "[omitted]" }],
              __openclaw: { id: "m1", truncated: true }
            }
            socket.respond(request, { messages: [user, large], sessionInfo: { status: "done" } })
          } else if (request.method === "chat.message.get") {
            const message = {
              role: "assistant",
              content: whole,
              stopReason: "stop",
              __openclaw: { id: "m1", runId: "k" }
            }
            socket.respond(request, { ok: true, message })
          }
        }
      })
      const link = yield* connect(gateway.url)
      assert.deepInclude(yield* endOf(link), { status: "ok", text: whole })
      const attached = yield* Stream.runCollect(link.attach(turn))
      assert.deepInclude(attached.at(-1), { _tag: "Ended", end: { status: "ok", text: whole, stopReason: "stop" } })
    })
  )

  it.live("and takes no run id above 256 characters, is asked by a shorter one, always the same", () =>
    Effect.gen(function* () {
      const keys: Array<unknown> = []
      const gateway = yield* FakeGateway.make({
        onRequest: (socket, request) => {
          if (request.method === "agent") {
            keys.push(request.params["idempotencyKey"])
            socket.respond(request, { status: "ok", result: { payloads: [{ text: "yes" }] } })
          } else if (request.method === "chat.history") {
            keys.push(...(request.params["inputRunIds"] as ReadonlyArray<string>))
            socket.respond(request, { messages: [] })
          } else socket.respond(request, { status: "timeout" })
        }
      })
      const link = yield* connect(gateway.url)
      const long = { ...turn, runKey: "k".repeat(500) }
      yield* Stream.runDrain(link.run(long))
      yield* link.reconcile(long)
      assert.strictEqual(keys.length, 2)
      assert.strictEqual(keys[0], keys[1])
      assert.isAtMost(String(keys[0]).length, 256)
    })
  )
})
