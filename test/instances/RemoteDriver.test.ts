import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RemoteDriver from "../../src/instances/RemoteDriver.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import { GatewayConnector } from "../../src/openclaw/GatewayLink.ts"
import type { InstanceSpec } from "../../src/schema/Instance.ts"
import { instanceDriverConformance } from "../conformance/InstanceDriver.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"

const remote = (name: string, token = "simulated"): InstanceSpec =>
  instanceSpec(name, { driver: "remote", endpoint: { url: `ws://simulated/${name}`, token: Redacted.make(token) } })

const TestLayer = Layer.provideMerge(SimulatedFleet.connector, SimulatedFleet.layer())

/** Somebody else's gateway. */
const runElsewhere = (name: string) =>
  Effect.flatMap(SimulatedDriver.make, (owner) => Effect.as(owner.start(instanceSpec(name), 1), owner))

let conformanceInstances = 0
instanceDriverConformance<SimulatedFleet | GatewayConnector>({
  name: "remote (simulated gateway)",
  driver: RemoteDriver.make(),
  spec: Effect.suspend(() => {
    const name = `conformance-${(conformanceInstances += 1)}`
    return Effect.as(Effect.orDie(runElsewhere(name)), remote(name))
  }),
  runsCommands: false,
  provide: Effect.provide(TestLayer)
})

const startFails = Effect.fnUntraced(function* (spec: InstanceSpec) {
  const started = yield* Effect.forkChild(Effect.flip((yield* RemoteDriver.make()).start(spec, 1)), {
    startImmediately: true
  })
  yield* TestClock.adjust("10 seconds")
  return yield* Fiber.join(started)
})

describe("RemoteDriver", () => {
  it.effect("says that nothing answers, after the connect deadline", () =>
    Effect.gen(function* () {
      const error = yield* startFails(remote("nowhere"))
      assert.deepStrictEqual([error.reason, error.retryable], ["Unreachable", true])
      assert.include(error.message, "ws://simulated/nowhere")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("says that the token was refused, without the token", () =>
    Effect.gen(function* () {
      yield* runElsewhere("r1")
      const error = yield* startFails(remote("r1", "wrong-secret"))
      assert.deepStrictEqual([error.reason, error.retryable], ["ConfigurationRefused", false])
      assert.include(error.message, "refused the token")
      assert.notInclude(error.message, "wrong-secret")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("says that the protocol version is another", () =>
    Effect.gen(function* () {
      yield* runElsewhere("r1")
      yield* SimulatedFleet.use((fleet) => fleet.order("r1", { _tag: "otherProtocol" }))
      const error = yield* startFails(remote("r1"))
      assert.deepStrictEqual([error.reason, error.retryable], ["Unsupported", false])
      assert.include(error.message, "protocol")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("says that a gateway which grants no scopes wants a paired device", () =>
    Effect.gen(function* () {
      yield* runElsewhere("r1")
      const connector = yield* GatewayConnector
      const scopeless = GatewayConnector.of({
        connect: (endpoint) =>
          Effect.map(connector.connect(endpoint), (link) => ({
            ...link,
            ready: Effect.map(link.ready, (hello) => ({ ...hello, scopes: [] }))
          }))
      })
      const error = yield* startFails(remote("r1")).pipe(Effect.provideService(GatewayConnector, scopeless))
      assert.strictEqual(error.reason, "ConfigurationRefused")
      assert.include(error.message, "paired device")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("names the field when there is no endpoint", () =>
    Effect.gen(function* () {
      const error = yield* startFails(instanceSpec("r1", { driver: "remote" }))
      assert.include(error.message, "endpoint")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("keeps no link after a start that failed or after a stop", () =>
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      yield* startFails(remote("r1"))
      assert.strictEqual((yield* fleet.snapshot("r1")).links, 0)
      yield* runElsewhere("r1")
      const driver = yield* RemoteDriver.make()
      const ref = yield* driver.start(remote("r1"), 1)
      assert.strictEqual((yield* fleet.snapshot("r1")).links, 1)
      yield* driver.stop(remote("r1"), 1, { graceMillis: 0 })
      assert.strictEqual((yield* fleet.snapshot("r1")).links, 0)
      assert.isTrue((yield* fleet.snapshot("r1")).running)
      assert.isFalse((yield* driver.probe(ref)).live)
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("leaves a link to the later start that shares it, when the earlier one is interrupted", () =>
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      const driver = yield* RemoteDriver.make()
      const earlier = yield* Effect.forkChild(driver.start(remote("r1"), 1), { startImmediately: true })
      const later = yield* Effect.forkChild(driver.start(remote("r1"), 2), { startImmediately: true })
      yield* Fiber.interrupt(earlier)
      yield* runElsewhere("r1")
      yield* TestClock.adjust("1 second")
      const ref = yield* Fiber.join(later)
      assert.isTrue((yield* driver.probe(ref)).live)
      assert.strictEqual((yield* fleet.snapshot("r1")).links, 1)
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("leaves the link of the later start alone, when the earlier one fails at another address", () =>
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      yield* runElsewhere("r1")
      const driver = yield* RemoteDriver.make()
      const elsewhere = { ...remote("r1"), endpoint: remote("nowhere").endpoint! }
      const earlier = yield* Effect.forkChild(Effect.flip(driver.start(elsewhere, 1)), { startImmediately: true })
      const ref = yield* driver.start(remote("r1"), 2)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(earlier)
      assert.isTrue((yield* driver.probe(ref)).live)
      assert.strictEqual((yield* fleet.snapshot("r1")).links, 1)
      assert.strictEqual((yield* fleet.snapshot("nowhere")).links, 0)
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("tells of a gateway that its owner restarted, and of one that is away too long, not of a short loss", () =>
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      const owner = yield* runElsewhere("r1")
      const driver = yield* RemoteDriver.make({ lostAfterMillis: 60_000 })
      const ref = yield* driver.start(remote("r1"), 1)
      const exit = yield* Effect.forkChild(driver.awaitExit(ref), { startImmediately: true })
      yield* fleet.dropSockets("r1")
      yield* TestClock.adjust("2 minutes")
      assert.isUndefined(exit.pollUnsafe())
      yield* fleet.crash("r1")
      yield* owner.start(instanceSpec("r1"), 1)
      yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(exit)).message, "restarted")

      const next = yield* driver.start(remote("r1"), 1)
      assert.notStrictEqual(next.incarnation, ref.incarnation)
      const lost = yield* Effect.forkChild(driver.awaitExit(next), { startImmediately: true })
      yield* fleet.order("r1", { _tag: "unreachable" })
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(lost.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(lost)).reason, "Unreachable")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("gives logs and metrics as far as the gateway has them", () =>
    Effect.gen(function* () {
      yield* runElsewhere("r1")
      const driver = yield* RemoteDriver.make()
      const ref = yield* driver.start(remote("r1"), 1)
      assert.deepStrictEqual(yield* driver.logs(remote("r1"), 1), ["gateway started, boot boot-r1-1"])
      assert.isAbove((yield* driver.metrics(ref)).rssBytes!, 0)
      const link = yield* driver.connect(remote("r1"), ref)
      yield* Stream.runDrain(link.run({ sessionKey: "agent:main:s", message: "hi", runKey: "k" }))
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )
})
