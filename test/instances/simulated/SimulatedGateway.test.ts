import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import type { GatewayLink, Turn } from "../../../src/openclaw/GatewayLink.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"

const Step = Schema.Struct({
  session: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
  /** Few keys, so that many steps repeat one. */
  key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
  delay: Schema.Literals([0, 1, 7, 40]),
  after: Schema.Literals(["nothing", "nothing", "nothing", "wait", "drop", "crash", "lostReply", "abort"])
})
type Step = typeof Step.Type

const spec = instanceSpec("gateway-1")

/** The key fixes session and message, as one turn's key does. */
const turnOf = (step: Step): Turn => ({
  sessionKey: `agent:main:s${step.key % 4}`,
  message: `m${step.key} [[delay ${step.delay}]]`,
  runKey: `k${step.key}`
})

/** What every careful caller does: ask first, send only what the gateway does not know, else wait for its end. */
const runCarefully = Effect.fnUntraced(function* (link: GatewayLink, turn: Turn) {
  const known = yield* link.reconcile(turn)
  if (known._tag === "done") return
  yield* Stream.runDrain(known._tag === "absent" ? link.run(turn) : link.attach(turn))
})

const perform = Effect.fnUntraced(function* (steps: ReadonlyArray<Step>) {
  const fleet = yield* SimulatedFleet
  const driver = yield* SimulatedDriver.make
  const link = yield* driver.connect(spec, yield* driver.start(spec, 1))
  for (const step of steps) {
    if (step.after === "lostReply") yield* fleet.order(spec.instanceId, { _tag: "lostReply" })
    yield* Effect.forkChild(Effect.ignore(runCarefully(link, turnOf(step))), { startImmediately: true })
    if (step.after === "wait") yield* TestClock.adjust(20)
    if (step.after === "drop") yield* fleet.dropSockets(spec.instanceId)
    if (step.after === "abort") {
      yield* Effect.forkChild(Effect.ignore(link.abort(turnOf(step).sessionKey, turnOf(step).runKey)), {
        startImmediately: true
      })
    }
    if (step.after === "crash") yield* fleet.crash(spec.instanceId)
    yield* driver.start(spec, 1)
    if (step.after === "drop" || step.after === "crash") yield* TestClock.adjust(50)
  }
  yield* fleet.heal(spec.instanceId)
  yield* TestClock.adjust("30 seconds")
  const rest = yield* Effect.forEach(steps, (step) =>
    Effect.forkChild(runCarefully(link, turnOf(step)), { startImmediately: true })
  )
  yield* TestClock.adjust("30 seconds")
  for (const fiber of rest) yield* Fiber.join(fiber)
  return { fleet, link }
})

describe("a simulated gateway", () => {
  it.effect.prop(
    "runs each turn of a careful caller exactly once, whatever is lost on the way",
    [Schema.Array(Step).check(Schema.isMaxLength(25))],
    ([steps]) =>
      Effect.gen(function* () {
        const { fleet, link } = yield* perform(steps)
        for (const step of steps) {
          const turn = turnOf(step)
          const known = yield* link.reconcile(turn)
          assert.strictEqual(known._tag, "done")
          assert.isAtMost(fleet.executions.of(turn.runKey).executions, 1)
          const end = known._tag === "done" ? known.end : undefined
          const neverRan = end?.status === "aborted" || end?.failure?.code === "RUN_NEVER_BEGAN"
          if (!neverRan) assert.strictEqual(fleet.executions.of(turn.runKey).executions, 1)
        }
        assert.strictEqual((yield* fleet.snapshot(spec.instanceId)).active, 0)
      }).pipe(Effect.scoped, Effect.provide(SimulatedFleet.layer({ reconnectMillis: 10 })))
  )

  it.effect.prop(
    "runs one turn of a session at a time, in the order sent, and never more than its cap",
    [Schema.Array(Step).check(Schema.isMaxLength(40))],
    ([steps]) =>
      Effect.gen(function* () {
        const driver = yield* SimulatedDriver.make
        const fleet = yield* SimulatedFleet
        const link = yield* driver.connect(spec, yield* driver.start(spec, 1))
        const started: Array<string> = []
        let most = 0
        const fibers = yield* Effect.forEach(steps, (step, index) =>
          Effect.forkChild(
            link
              .run({
                sessionKey: `agent:main:s${step.session}`,
                message: `${index} [[delay ${step.delay}]]`,
                runKey: `k${index}`
              })
              .pipe(
                Stream.tap((progress) =>
                  Effect.map(fleet.snapshot(spec.instanceId), ({ active }) => {
                    most = Math.max(most, active)
                    if (progress._tag === "Phase") started.push(`${step.session}:${index}`)
                  })
                ),
                Stream.runDrain
              ),
            { startImmediately: true }
          )
        )
        yield* TestClock.adjust(40 * 40)
        for (const fiber of fibers) yield* Fiber.join(fiber)
        assert.isAtMost(most, 2)
        for (const session of [0, 1, 2, 3]) {
          const order = started.filter((one) => one.startsWith(`${session}:`))
          const sent = steps.flatMap((step, index) => (step.session === session ? [`${session}:${index}`] : []))
          assert.deepStrictEqual(order, sent)
          const rows = yield* link.history(`agent:main:s${session}`, 1_000)
          assert.deepStrictEqual(
            rows.map((row) => row.role),
            sent.flatMap(() => ["user", "assistant"])
          )
        }
      }).pipe(Effect.scoped, Effect.provide(SimulatedFleet.layer({ maxConcurrentRuns: 2 })))
  )
})
