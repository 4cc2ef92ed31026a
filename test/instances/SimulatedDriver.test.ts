import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet, type FleetOptions } from "../../src/instances/simulated/SimulatedFleet.ts"
import { GatewayConnector, type GatewayLink, type Turn } from "../../src/openclaw/GatewayLink.ts"
import { instanceDriverConformance } from "../conformance/InstanceDriver.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"

let conformanceInstances = 0
instanceDriverConformance<SimulatedFleet>({
  name: "simulated",
  driver: SimulatedDriver.make,
  spec: Effect.sync(() => instanceSpec(`conformance-${(conformanceInstances += 1)}`)),
  kill: (ref) => SimulatedFleet.use((fleet) => fleet.crash(ref.instanceId)),
  runsCommands: false,
  provide: Effect.provide(SimulatedFleet.layer())
})

const spec = instanceSpec("gateway-1")

const turn = (runKey: string, message: string, session = "s"): Turn => ({
  sessionKey: `agent:main:${session}`,
  message,
  runKey
})

const setup = Effect.gen(function* () {
  const fleet = yield* SimulatedFleet
  const driver = yield* SimulatedDriver.make
  const ref = yield* driver.start(spec, 1)
  const link = yield* driver.connect(spec, ref)
  return { fleet, driver, ref, link }
})

const fork = (link: GatewayLink, asked: Turn) =>
  Effect.forkChild(Effect.result(Stream.runCollect(link.run(asked))), { startImmediately: true })

const endOf = (link: GatewayLink, asked: Turn) =>
  Effect.map(Stream.runLast(link.run(asked)), (last) => {
    const progress = Option.getOrThrow(last)
    return progress._tag === "Ended" ? progress.end : assert.fail("no end")
  })

const simulated = (title: string, body: Effect.Effect<void, unknown, SimulatedFleet>, options: FleetOptions = {}) =>
  it.effect(title, () => body.pipe(Effect.provide(SimulatedFleet.layer(options))))

describe("SimulatedDriver", () => {
  simulated(
    "streams a turn from its acceptance to its end",
    Effect.gen(function* () {
      const { link } = yield* setup
      const progress = yield* Stream.runCollect(link.run(turn("k", "hello [[tool read]]")))
      assert.deepStrictEqual(
        progress.map((one) => one._tag),
        ["Accepted", "Phase", "ToolStarted", "ToolEnded", "TextDelta", "Usage", "Ended"]
      )
    }).pipe(Effect.scoped)
  )

  simulated(
    "answers a provider's refusal with an end, not with a failed stream",
    Effect.gen(function* () {
      const { link } = yield* setup
      const end = yield* endOf(link, turn("k", "x [[error 400]]"))
      assert.strictEqual(end.status, "error")
      assert.strictEqual(end.failure?.retryable, false)
      assert.strictEqual((yield* endOf(link, turn("k2", "x [[error 500]]"))).failure?.retryable, true)
    }).pipe(Effect.scoped)
  )

  simulated(
    "keeps a run going when its socket is lost, and lets a new reader attach",
    Effect.gen(function* () {
      const { fleet, link } = yield* setup
      const asked = turn("k", "slowly [[delay 1000]]")
      const lost = yield* fork(link, asked)
      yield* fleet.dropSockets(spec.instanceId)
      const result = yield* Fiber.join(lost)
      assert.strictEqual(result._tag === "Failure" ? result.failure.reason : "", "ConnectionLost")
      assert.strictEqual((yield* link.status)._tag, "down")
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(yield* link.reconcile(asked), { _tag: "running", runId: "k" })
      const attached = yield* Effect.forkChild(Stream.runLast(link.attach(asked)), { startImmediately: true })
      yield* TestClock.adjust(950)
      assert.strictEqual(Option.getOrThrow(yield* Fiber.join(attached))._tag, "Ended")
      assert.strictEqual(fleet.executions.of("k").executions, 1)
    }).pipe(Effect.scoped)
  )

  simulated(
    "keeps the result when the reply is lost",
    Effect.gen(function* () {
      const { fleet, link } = yield* setup
      yield* fleet.order(spec.instanceId, { _tag: "lostReply" })
      const asked = turn("k", "hello")
      const error = yield* Effect.flip(Stream.runDrain(link.run(asked)))
      assert.strictEqual(error.reason, "ConnectionLost")
      yield* TestClock.adjust(50)
      const known = yield* link.reconcile(asked)
      assert.strictEqual(known._tag === "done" ? known.end.text : "", "Demo answer to: hello")
      assert.strictEqual((yield* endOf(link, asked)).text, "Demo answer to: hello")
      assert.strictEqual(fleet.executions.of("k").executions, 1)
      assert.strictEqual((yield* fleet.snapshot(spec.instanceId)).faultsSeen.get("lostReply"), 1)
    }).pipe(Effect.scoped)
  )

  simulated(
    "resumes a turn that a crash cut under another run id, and refuses its key if it is sent again",
    Effect.gen(function* () {
      const { fleet, driver, ref, link } = yield* setup
      const asked = turn("k", "work [[delay 1000]]")
      const queued = turn("k2", "later")
      const cut = yield* fork(link, asked)
      const waiting = yield* fork(link, queued)
      yield* fleet.crash(spec.instanceId)
      assert.strictEqual((yield* Fiber.join(cut))._tag, "Failure")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "Failure")
      assert.strictEqual((yield* driver.awaitExit(ref)).exitCode, 137)

      const next = yield* driver.start(spec, 1)
      assert.notStrictEqual(next.incarnation, ref.incarnation)
      assert.strictEqual((yield* link.ready).bootId, "boot-gateway-1-2")
      const lost = yield* link.reconcile(queued)
      assert.deepStrictEqual(lost._tag === "done" ? lost.end.failure?.code : lost._tag, "RUN_NEVER_BEGAN")
      assert.strictEqual((yield* endOf(link, queued)).status, "error")
      const resuming = yield* link.reconcile(asked)
      assert.strictEqual(resuming._tag, "resuming")
      const again = yield* endOf(link, asked)
      assert.strictEqual(again.status, "error")

      const attached = yield* Effect.forkChild(Stream.runLast(link.attach(asked)), { startImmediately: true })
      yield* TestClock.adjust("6 seconds")
      const last = Option.getOrThrow(yield* Fiber.join(attached))
      assert.strictEqual(last._tag === "Ended" ? last.end.text : "", "Demo answer to: work")
      assert.strictEqual((yield* link.reconcile(asked))._tag, "done")
      assert.deepStrictEqual(
        [fleet.executions.of("k").executions, fleet.executions.of("k").resumed, fleet.executions.of("k2").executions],
        [1, 1, 0]
      )
    }).pipe(Effect.scoped)
  )

  simulated(
    "gives a resumed turn up after three resumptions that crash",
    Effect.gen(function* () {
      const { fleet, driver, link } = yield* setup
      const asked = turn("k", "work")
      yield* fleet.order(spec.instanceId, { _tag: "crash", turns: 4 })
      yield* fork(link, asked)
      for (let crash = 0; crash < 3; crash += 1) {
        yield* driver.start(spec, 1)
        yield* TestClock.adjust("5 seconds")
        assert.isFalse((yield* fleet.snapshot(spec.instanceId)).running)
      }
      yield* driver.start(spec, 1)
      yield* link.ready
      const known = yield* link.reconcile(asked)
      assert.strictEqual(known._tag === "done" ? known.end.status : known._tag, "error")
      assert.strictEqual(fleet.executions.of("k").resumed, 3)
    }).pipe(Effect.scoped)
  )

  simulated(
    "drains what runs when it is stopped, takes nothing new meanwhile, and kills after the grace",
    Effect.gen(function* () {
      const { driver, ref, link } = yield* setup
      const running = yield* fork(link, turn("k", "[[delay 1000]]"))
      const stop = yield* Effect.forkChild(driver.stop(spec, 1, { graceMillis: 5_000 }), { startImmediately: true })
      assert.deepStrictEqual(yield* driver.probe(ref), { live: true, started: false, detail: "draining" })
      const refused = yield* Effect.flip(Stream.runDrain(link.run(turn("k2", "hi"))))
      assert.strictEqual(refused.reason, "Unavailable")
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(stop)
      assert.strictEqual((yield* Fiber.join(running))._tag, "Success")
      assert.strictEqual((yield* driver.awaitExit(ref)).exitCode, 0)

      const second = yield* driver.start(spec, 1)
      yield* fork(link, turn("k3", "[[hang]]"))
      const forced = yield* Effect.forkChild(driver.stop(spec, 1, { graceMillis: 5_000 }), { startImmediately: true })
      yield* TestClock.adjust(5_000)
      yield* Fiber.join(forced)
      assert.strictEqual((yield* driver.awaitExit(second)).exitCode, 137)
    }).pipe(Effect.scoped)
  )

  simulated(
    "ends a hanging turn by abort, by its timeout, or when the test says so",
    Effect.gen(function* () {
      const { fleet, link } = yield* setup
      const aborted = yield* Effect.forkChild(endOf(link, turn("a", "[[hang]]", "a")), { startImmediately: true })
      const timed = yield* Effect.forkChild(endOf(link, { ...turn("b", "[[hang]]", "b"), timeoutSeconds: 2 }), {
        startImmediately: true
      })
      const finished = yield* Effect.forkChild(endOf(link, turn("c", "[[hang]] x", "c")), { startImmediately: true })
      yield* link.abort("agent:main:a", "a")
      assert.strictEqual((yield* Fiber.join(aborted)).status, "aborted")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(timed)).status, "timeout")
      assert.isTrue(yield* fleet.finish("c"))
      assert.strictEqual((yield* Fiber.join(finished)).text, "Demo answer to: x")
      yield* link.abort("agent:main:a", "a")
      assert.isFalse(yield* fleet.finish("c"))
    }).pipe(Effect.scoped)
  )

  simulated(
    "steers, collects, follows up and interrupts a busy session",
    Effect.gen(function* () {
      const { link } = yield* setup
      const send = (runKey: string, message: string, queueMode: "steer" | "collect" | "followup" | "interrupt") =>
        link.send({ sessionKey: "agent:main:s", message, runKey, queueMode })
      const steered = yield* Effect.forkChild(endOf(link, turn("a", "one [[delay 100]]")), { startImmediately: true })
      yield* send("b", "two", "steer")
      yield* send("c", "three", "collect")
      yield* send("d", "four [[hang]]", "collect")
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(steered)).text, "Demo answer to: one\n\nDemo answer to: two")
      assert.strictEqual((yield* link.reconcile({ sessionKey: "agent:main:s", runKey: "b" }))._tag, "done")
      assert.strictEqual((yield* link.describeSession("agent:main:s"))?.status, "running")
      yield* send("e", "five", "followup")
      yield* send("f", "six", "interrupt")
      const texts = (yield* link.history("agent:main:s", 100)).map((row) => `${row.role}: ${row.text}`)
      assert.deepStrictEqual(texts.slice(0, 4), [
        "user: one [[delay 100]]",
        "user: two",
        "assistant: Demo answer to: one\n\nDemo answer to: two",
        "user: three\n\nfour [[hang]]"
      ])
      assert.include(texts, "assistant: Demo answer to: five")
      assert.strictEqual(texts.at(-1), "assistant: Demo answer to: six")
      const conflict = yield* Effect.flip(send("f", "seven", "steer"))
      assert.strictEqual(conflict.reason, "InvalidRequest")
    }).pipe(Effect.scoped)
  )

  simulated(
    "takes no new work while it is suspended, until it is resumed or the lease ends",
    Effect.gen(function* () {
      const { driver, ref, link } = yield* setup
      yield* fork(link, turn("k", "[[delay 1000]]"))
      const suspension = yield* link.suspend("r1")
      assert.strictEqual(suspension.status, "draining")
      assert.isFalse((yield* driver.probe(ref)).started)
      yield* TestClock.adjust(1_000)
      assert.strictEqual((yield* link.suspensionStatus(suspension.suspensionId!)).status, "ready")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(link.run(turn("k2", "hi"))))).reason, "Unavailable")
      yield* link.resume(suspension.suspensionId!)
      assert.strictEqual((yield* endOf(link, turn("k2", "hi"))).status, "ok")
      yield* link.suspend("r2")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* endOf(link, turn("k3", "hi"))).status, "ok")
    }).pipe(Effect.scoped)
  )

  simulated(
    "fails a start as ordered, once, and leaves nothing running",
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      const driver = yield* SimulatedDriver.make
      yield* fleet.order(spec.instanceId, { _tag: "startFailure", reason: "PortInUse" })
      assert.strictEqual((yield* Effect.flip(driver.start(spec, 1))).reason, "PortInUse")
      assert.isFalse((yield* fleet.snapshot(spec.instanceId)).running)
      assert.isFalse((yield* driver.start(spec, 1)).adopted)
    })
  )

  simulated(
    "is unreachable, or answers nothing, until it is healed",
    Effect.gen(function* () {
      const { fleet, driver, ref, link } = yield* setup
      yield* fleet.order(spec.instanceId, { _tag: "unreachable" })
      assert.isFalse((yield* driver.probe(ref)).live)
      const waiting = yield* Effect.forkChild(Effect.flip(link.ready), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(waiting)).reason, "Unreachable")
      yield* fleet.heal(spec.instanceId)
      assert.strictEqual((yield* link.ready).bootId, "boot-gateway-1-1")
      yield* fleet.order(spec.instanceId, { _tag: "unresponsive" })
      const unanswered = yield* Effect.forkChild(Effect.flip(link.lanes), { startImmediately: true })
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(unanswered)).reason, "DeadlineExceeded")
    }).pipe(Effect.scoped)
  )

  simulated(
    "runs at most eight turns at once, whatever the number of sessions",
    Effect.gen(function* () {
      const { link } = yield* setup
      const runs = yield* Effect.forEach(Array.from({ length: 20 }), (_, index) =>
        fork(link, turn(`k${index}`, "[[delay 100]]", `s${index}`))
      )
      assert.deepStrictEqual(yield* link.lanes, [{ lane: "main", active: 8, queued: 12, maxConcurrent: 8 }])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* link.lanes, [{ lane: "main", active: 8, queued: 4, maxConcurrent: 8 }])
      yield* TestClock.adjust(200)
      for (const run of runs) assert.strictEqual((yield* Fiber.join(run))._tag, "Success")
    }).pipe(Effect.scoped)
  )

  it.effect("answers a connector by URL, and refuses a wrong token or protocol for good", () =>
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      const driver = yield* SimulatedDriver.make
      const connector = yield* GatewayConnector
      const ref = yield* driver.start(spec, 1)
      const connect = (token: string) => connector.connect({ url: ref.url, token: Redacted.make(token) })
      assert.strictEqual((yield* (yield* connect("simulated")).ready).protocol, 4)
      assert.strictEqual((yield* Effect.flip((yield* connect("wrong")).ready)).reason, "AuthenticationFailed")
      yield* fleet.order(spec.instanceId, { _tag: "otherProtocol" })
      assert.strictEqual((yield* Effect.flip((yield* connect("simulated")).ready)).reason, "ProtocolMismatch")
    }).pipe(Effect.scoped, Effect.provide(SimulatedFleet.connector), Effect.provide(SimulatedFleet.layer()))
  )
})
