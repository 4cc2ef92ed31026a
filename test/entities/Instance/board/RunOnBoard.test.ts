/** Attempts on slots of their origin at an instance: run once, and their ends told until they are heard. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { SimulatedFleet } from "../../../../src/instances/simulated/SimulatedFleet.ts"
import { untilVirtually } from "../../../fixtures/VirtualTime.ts"
import {
  attempt,
  gatewayKey,
  instanceEvents,
  laneId,
  moveAway,
  started,
  told,
  untilTold,
  withInstances
} from "../InstanceRig.ts"

const holder = { entityType: "Lane", entityId: laneId }

/** An instance that has heard of the lane. */
const present = (instanceId = "a") =>
  Effect.gen(function* () {
    const client = yield* started(instanceId)
    const { registration } = yield* client.InstanceGet()
    yield* client.HolderPresent({ holder, epoch: 1, entry: 0 })
    const start = (task: string, message: string, entry?: number) =>
      client.StartAttempt({
        attempt: attempt(task, message),
        registration: registration!,
        epoch: 1,
        startedAt: 1,
        ...(entry === undefined ? {} : { entry })
      })
    return { client, start }
  })

const runsAt = (task: string) =>
  Effect.flatMap(SimulatedFleet, (fleet) =>
    untilVirtually(
      `${task} runs`,
      Effect.sync(() => fleet.executions.of(gatewayKey(task)).executions === 1)
    )
  )

const executionsOf = (task: string) =>
  Effect.map(SimulatedFleet, (fleet) => fleet.executions.of(gatewayKey(task)).executions)

const tags = Effect.map(instanceEvents("a"), (all) => all.map(({ _tag }) => _tag))

describe("An attempt on a slot of its origin", () => {
  it.effect("runs and is told its end without an entry in the instance's journal", () =>
    Effect.gen(function* () {
      const { start } = yield* present()
      const before = (yield* tags).length
      yield* start("t1", "hello", 1)
      yield* untilTold(1)
      const [end] = yield* told
      assert.deepInclude(end, { tag: "AttemptEnded", runKey: "t1.1" })
      assert.strictEqual(end!.outcome?._tag, "completed")
      assert.deepStrictEqual(
        (yield* tags).slice(before).filter((tag) => tag !== "task.progress" && tag !== "instance.internal_heartbeat"),
        []
      )
    }).pipe(withInstances())
  )

  it.effect("runs once when it is told again, and tells its end once more to nobody", () =>
    Effect.gen(function* () {
      const { start } = yield* present()
      for (let n = 0; n < 3; n++) yield* start("t1", "[[delay 500]] hello", 1)
      yield* start("t1", "[[delay 500]] hello")
      yield* untilTold(1)
      yield* start("t1", "[[delay 500]] hello", 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* told).length, 1)
      assert.strictEqual(yield* executionsOf("t1"), 1)
    }).pipe(withInstances())
  )

  it.effect("goes on when the instance has another owner, which is told of it again, and is not sent twice", () =>
    Effect.gen(function* () {
      const { client, start } = yield* present()
      yield* start("t1", "[[delay 5000]] hello", 1)
      yield* runsAt("t1")
      yield* moveAway("a")
      yield* start("t1", "[[delay 5000]] hello")
      yield* client.HolderPresent({ holder, epoch: 1, entry: 1 })
      yield* untilTold(1)
      assert.strictEqual((yield* told)[0]!.outcome?._tag, "completed")
      assert.strictEqual(yield* executionsOf("t1"), 1)
    }).pipe(withInstances())
  )

  it.effect("is ended at the gateway when its origin stops it, and so is one that nobody knows here", () =>
    Effect.gen(function* () {
      const { client, start } = yield* present()
      yield* start("t1", "[[delay 60000]] hello", 1)
      yield* runsAt("t1")
      const stop = { origin: holder, runKey: "t1.1", sessionKey: attempt("t1", "").sessionKey }
      yield* client.StopAttempt(stop)
      yield* client.StopAttempt({ ...stop, runKey: "t2.1" })
      yield* untilTold(2)
      const ends = yield* told
      assert.deepStrictEqual(ends.map(({ runKey }) => runKey).toSorted(), ["t1.1", "t2.1"])
      for (const { outcome } of ends) assert.strictEqual(outcome?._tag, "aborted")
    }).pipe(withInstances())
  )

  it.effect("opens the breaker when such attempts fail one after the other, and the next is refused", () =>
    Effect.gen(function* () {
      const { start } = yield* present()
      for (let n = 1; n <= 5; n++) yield* start(`t${n}`, "[[error 500]]", n)
      yield* untilTold(5)
      yield* untilVirtually(
        "the breaker is open",
        Effect.map(tags, (all) => all.includes("instance.breaker_opened"))
      )
      yield* start("t6", "hello", 6)
      yield* untilTold(6)
      assert.deepInclude((yield* told)[5], { tag: "AttemptRefused", runKey: "t6.1" })
    }).pipe(withInstances())
  )

  it.effect("is refused when its slot was granted by another registration of the instance", () =>
    Effect.gen(function* () {
      const { client } = yield* present()
      const start = { attempt: attempt("t1", "hello"), registration: "former", epoch: 1, startedAt: 1 }
      yield* client.StartAttempt({ ...start, entry: 1 })
      yield* client.StartAttempt(start)
      yield* untilTold(1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* told).length, 1)
      assert.deepInclude((yield* told)[0], { tag: "AttemptRefused", runKey: "t1.1" })
      assert.strictEqual(yield* executionsOf("t1"), 0)
    }).pipe(withInstances())
  )

  it.effect("is ended for a retry when the instance is stopped", () =>
    Effect.gen(function* () {
      const { client, start } = yield* present()
      yield* start("t1", "[[delay 60000]] hello", 1)
      yield* runsAt("t1")
      yield* client.Stop({ graceMillis: 0 })
      yield* untilTold(1)
      const [end] = yield* told
      assert.deepInclude(end!.outcome, { _tag: "failed" })
      assert.deepInclude((end!.outcome as { error: object }).error, { code: "InstanceStopped", retryable: true })
    }).pipe(withInstances())
  )
})
