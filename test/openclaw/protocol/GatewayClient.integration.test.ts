import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted, Result, Schedule, Stream } from "effect"
import * as GatewayClient from "../../../src/openclaw/protocol/GatewayClient.ts"
import {
  GatewayConnector,
  type GatewayLink,
  type Turn,
  type TurnEnd,
  type TurnProgress
} from "../../../src/openclaw/GatewayLink.ts"
import { RealGateway } from "../../fixtures/servers/RealGateway.ts"

const linked = Effect.gen(function* () {
  const gateway = yield* RealGateway
  const connector = yield* GatewayConnector
  const link = yield* connector.connect(gateway.endpoint)
  yield* link.ready
  return { gateway, link }
})

const turn = (name: string, message: string, more: Partial<Turn> = {}): Turn => ({
  sessionKey: `agent:main:${name}`,
  runKey: `run-${name}`,
  message: `${message} [[id ${name}]]`,
  ...more
})

const endOf = (progress: ReadonlyArray<TurnProgress>): TurnEnd | undefined => {
  const last = progress.at(-1)
  return last?._tag === "Ended" ? last.end : undefined
}

const runToEnd = (link: GatewayLink, given: Turn) => Effect.map(Stream.runCollect(link.run(given)), endOf)

const countOf = (name: string) =>
  Effect.gen(function* () {
    const { model } = yield* RealGateway
    const stats = yield* model.stats
    return { fresh: stats.byId[name] ?? 0, resumed: stats.resumedById[name] ?? 0 }
  })

/** Runs the turn in the background, and goes on once it has said something. */
const running = Effect.fnUntraced(function* (link: GatewayLink, given: Turn) {
  const spoke = yield* Deferred.make<void>()
  const stream = link
    .run(given)
    .pipe(Stream.tap(({ _tag }) => (_tag === "TextDelta" ? Deferred.succeed(spoke, undefined) : Effect.void)))
  const fiber = yield* Effect.forkScoped(Effect.result(Stream.runCollect(stream)), { startImmediately: true })
  yield* Deferred.await(spoke)
  return fiber
})

const ended = (fiber: Effect.Success<ReturnType<typeof running>>) =>
  Effect.map(Fiber.join(fiber), (result) => endOf(Result.getOrThrow(result)))

const kinds = (progress: ReadonlyArray<TurnProgress>) => new Set(progress.map(({ _tag }) => _tag))

const TestLayer = Layer.mergeAll(RealGateway.layer, GatewayClient.layer)

layer(TestLayer, { excludeTestServices: true, timeout: "5 minutes" })("GatewayClient on a real gateway", (it) => {
  it.effect("runs a turn and streams its progress", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const progress = yield* Stream.runCollect(link.run(turn("good", "hello [[delay 300]]")))
      assert.strictEqual(progress[0]?._tag, "Accepted")
      for (const kind of ["Phase", "TextDelta", "Usage", "Ended"] as const)
        assert.isTrue(kinds(progress).has(kind), kind)
      assert.deepInclude(endOf(progress), { status: "ok", text: "Demo answer to: hello" })
      assert.isAbove(endOf(progress)?.usage?.totalTokens ?? 0, 0)
      assert.deepStrictEqual(yield* countOf("good"), { fresh: 1, resumed: 0 })
    })
  )

  it.effect("answers a key that is sent again from memory, without another run", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const end = yield* runToEnd(link, turn("good", "hello [[delay 300]]"))
      assert.strictEqual(end?.text, "Demo answer to: hello")
      assert.deepStrictEqual(yield* countOf("good"), { fresh: 1, resumed: 0 })
    })
  )

  it.effect("tells the tools of a turn", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const progress = yield* Stream.runCollect(link.run(turn("tools", "look [[tool ls]]")))
      const tools = progress.filter(({ _tag }) => _tag === "ToolStarted" || _tag === "ToolEnded")
      assert.deepStrictEqual(
        tools.map(({ _tag }) => _tag),
        ["ToolStarted", "ToolEnded"]
      )
      assert.strictEqual(endOf(progress)?.status, "ok")
    })
  )

  it.effect("ends a turn that the provider refuses, live and in retrospect", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const refused = turn("refused", "no [[error 400]]")
      const end = yield* runToEnd(link, refused)
      assert.strictEqual(end?.status, "error")
      assert.deepInclude(end?.failure, { code: "PROVIDER_FORMAT", retryable: false })
      const found = yield* link.reconcile(refused)
      assert.deepInclude(found._tag === "done" ? found.end.failure : {}, { code: "PROVIDER_FORMAT", retryable: false })
    })
  )

  it.effect("aborts a turn, and the one that waits behind it", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const first = turn("abort", "first [[hang]]")
      const second = { ...first, runKey: "run-abort-2", message: "second [[id abort-2]]" }
      const running1 = yield* running(link, first)
      const queued = yield* Effect.forkScoped(Stream.runCollect(link.run(second)), { startImmediately: true })
      yield* link.reconcile(second).pipe(Effect.repeat({ until: ({ _tag }) => _tag === "running" }))
      yield* link.abort(first.sessionKey)
      assert.deepInclude(yield* ended(running1), { status: "aborted" })
      assert.deepInclude(endOf(yield* Fiber.join(queued)), { status: "aborted" })
      assert.deepStrictEqual(yield* countOf("abort-2"), { fresh: 0, resumed: 0 })
      const found = yield* link.reconcile(first)
      assert.strictEqual(found._tag === "done" ? found.end.status : found._tag, "aborted")
      yield* link.abort(first.sessionKey, first.runKey)
      yield* link.abort("agent:main:never-seen")
    })
  )

  it.effect("ends a turn at its own time limit", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const slow = turn("slow", "wait [[hang]]", { timeoutSeconds: 1 })
      assert.deepInclude(yield* runToEnd(link, slow), { status: "timeout" })
      const found = yield* link.reconcile(slow)
      assert.strictEqual(found._tag === "done" ? found.end.status : found._tag, "timeout")
    })
  )

  it.effect("attaches to a run that goes on after its caller is gone", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const going = turn("attach", "long [[delay 2500]]")
      const fiber = yield* running(link, going)
      yield* Fiber.interrupt(fiber)
      const { link: other } = yield* linked
      assert.deepStrictEqual(yield* other.reconcile(going), { _tag: "running", runId: going.runKey })
      const progress = yield* Stream.runCollect(other.attach(going))
      assert.isTrue(kinds(progress).has("TextDelta"))
      assert.deepInclude(endOf(progress), { status: "ok", text: "Demo answer to: long" })
      assert.deepStrictEqual(yield* countOf("attach"), { fresh: 1, resumed: 0 })
    })
  )

  it.effect("lets a key be sent that the gateway never saw", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      assert.deepStrictEqual(yield* link.reconcile(turn("never", "")), { _tag: "absent" })
    })
  )

  it.effect("creates, describes, lists, resets and deletes sessions, and reads their history", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const key = "agent:main:kept"
      const created = yield* link.createSession({ key, label: "kept one" })
      assert.deepInclude(created, { key, label: "kept one" })
      yield* runToEnd(link, turn("kept", "remember"))
      const described = yield* link.describeSession(key)
      assert.deepInclude(described ?? {}, { key, sessionId: created.sessionId, status: "done", lastRunId: "run-kept" })
      const listed = yield* link.listSessions({ limit: 100, offset: 0 })
      assert.include(
        listed.map((session) => session.key),
        key
      )
      assert.strictEqual((yield* link.listSessions({ limit: 1, offset: 0 })).length, 1)
      const history = yield* link.history(key, 10)
      assert.deepStrictEqual(
        history.map(({ role, text }) => [role, text]),
        [
          ["user", "remember [[id kept]]"],
          ["assistant", "Demo answer to: remember"]
        ]
      )
      assert.deepInclude(history[0], { idempotencyKey: "run-kept:user" })
      assert.deepInclude(history[1], { runId: "run-kept" })
      yield* link.resetSession(key)
      assert.notInclude(
        (yield* link.history(key, 10)).map(({ role }) => role),
        "user"
      )
      assert.isTrue(yield* link.deleteSession(key))
      assert.isFalse(yield* link.deleteSession(key))
      assert.isNull(yield* link.describeSession(key))
    })
  )

  it.effect("interrupts a running turn by a message that may", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const first = turn("interrupted", "first [[delay 1500]]")
      const fiber = yield* running(link, first)
      yield* link.send({ sessionKey: first.sessionKey, runKey: "interrupting", message: "now", queueMode: "interrupt" })
      assert.strictEqual((yield* ended(fiber))?.status, "aborted")
    })
  )

  it.effect("reports its process, lanes and logs", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const system = yield* link.system
      assert.isAbove(system.pid ?? 0, 0)
      assert.isAbove(system.rssBytes ?? 0, 100_000_000)
      // The gateway is shared: a turn of an earlier test may still be ending there.
      const main = yield* link.lanes.pipe(
        Effect.map((lanes) => lanes.find(({ lane }) => lane === "main")),
        Effect.repeat({ until: (lane) => lane?.active === 0, schedule: Schedule.spaced("100 millis") }),
        Effect.timeout("30 seconds")
      )
      assert.deepInclude(main, { active: 0, queued: 0 })
      assert.strictEqual((yield* link.logs(3)).length, 3)
    })
  )

  it.effect("cordons, drains and opens again", () =>
    Effect.gen(function* () {
      const { link } = yield* linked
      const fiber = yield* running(link, turn("drain", "work [[delay 1500]]"))
      const suspension = yield* link.suspend("request-1")
      assert.deepInclude(suspension, { status: "draining" })
      const id = suspension.suspensionId ?? ""
      const error = yield* Effect.flip(Stream.runDrain(link.run(turn("refused-2", "no"))))
      assert.deepInclude(error, { reason: "Unavailable", retryable: true })
      assert.strictEqual((yield* ended(fiber))?.status, "ok")
      yield* link
        .suspensionStatus(id)
        .pipe(
          Effect.delay("100 millis"),
          Effect.repeat({ until: ({ status }) => status === "ready" }),
          Effect.timeout("20 seconds")
        )
      yield* link.resume(id)
      assert.strictEqual((yield* runToEnd(link, turn("reopened", "yes")))?.status, "ok")
    })
  )

  it.effect("says that the token is wrong, at once", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* RealGateway
      const connector = yield* GatewayConnector
      const link = yield* connector.connect({ ...endpoint, token: Redacted.make("wrong") })
      const error = yield* Effect.flip(link.ready)
      assert.deepInclude(error, { reason: "AuthenticationFailed", retryable: false })
      assert.deepInclude(error.details, { code: "AUTH_TOKEN_MISMATCH" })
      assert.deepInclude(yield* link.status, { _tag: "down", retrying: false })
    })
  )

  it.effect("reconciles the turns of a gateway that was killed in the middle of them, and sends none again", () =>
    Effect.gen(function* () {
      const { gateway, link } = yield* linked
      const { bootId } = yield* link.ready
      const started = turn("crash", "important [[delay 5000]]")
      const waiting = { ...started, runKey: "run-crash-2", message: "behind [[id crash-2]]" }
      const done = turn("before-crash", "quick")
      yield* runToEnd(link, done)
      const fiber = yield* running(link, started)
      const queued = yield* Effect.forkScoped(Effect.flip(Stream.runDrain(link.run(waiting))), {
        startImmediately: true
      })
      yield* link.reconcile(waiting).pipe(Effect.repeat({ until: ({ _tag }) => _tag === "running" }))

      yield* gateway.kill
      const lost = yield* Fiber.join(fiber)
      assert.strictEqual(Result.isFailure(lost) ? lost.failure.reason : "ended", "ConnectionLost")
      assert.strictEqual((yield* Fiber.join(queued)).reason, "ConnectionLost")

      yield* gateway.start
      const hello = yield* link.ready.pipe(Effect.retry({ times: 10 }))
      assert.notStrictEqual(hello.bootId, bootId)
      const found = yield* link.reconcile(started)
      assert.include(["resuming", "done"], found._tag)
      const progress = yield* Stream.runCollect(link.attach(started))
      assert.deepInclude(endOf(progress), { status: "ok", text: "Demo answer to: important" })
      const settled = yield* link.reconcile(started)
      assert.deepInclude(settled._tag === "done" ? settled.end : settled, { text: "Demo answer to: important" })
      assert.deepStrictEqual(yield* countOf("crash"), { fresh: 1, resumed: 1 })

      const behind = yield* link.reconcile(waiting)
      assert.deepInclude(behind._tag === "done" ? behind.end.failure : behind, {
        code: "RUN_NEVER_BEGAN",
        retryable: true
      })
      assert.deepStrictEqual(yield* countOf("crash-2"), { fresh: 0, resumed: 0 })
      const again = { ...waiting, runKey: "run-crash-2-again" }
      assert.strictEqual((yield* runToEnd(link, again))?.status, "ok")
      assert.deepStrictEqual(yield* countOf("crash-2"), { fresh: 1, resumed: 0 })

      const before = yield* link.reconcile(done)
      assert.deepInclude(before._tag === "done" ? before.end : before, { status: "ok", text: "Demo answer to: quick" })
    })
  )
})
