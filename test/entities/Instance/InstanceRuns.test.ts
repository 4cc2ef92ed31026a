import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { LaneName, laneEntityId, TenantId } from "../../../src/schema/Ids.ts"
import {
  attempt,
  gatewayKey,
  instanceEvents,
  moveAway,
  started,
  told,
  untilPhase,
  untilTold,
  withInstances
} from "./InstanceRig.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

const outcomes = Effect.map(told, (all) => all.map(({ outcome }) => outcome?._tag))

const count = (instanceId: string, tag: string) =>
  Effect.map(instanceEvents(instanceId), (all) => all.filter(({ _tag }) => _tag === tag).length)

/** The attempt's end was told once, and stays so. */
const endedOnce = Effect.gen(function* () {
  yield* untilTold(1)
  yield* TestClock.adjust("30 seconds")
  assert.strictEqual((yield* told).length, 1)
  assert.strictEqual(yield* count("a", "run.ended"), 1)
})

describe("Instance runs", () => {
  it.effect("reports progress while a turn runs: the first text at once, and its tools", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "[[tool read]] [[delay 5000]] one two three four five") })
      yield* untilTold(1)
      const progress = (yield* instanceEvents("a")).filter(({ _tag }) => _tag === "task.progress")
      assert.isAtLeast(progress.length, 2)
      assert.isAtMost(progress.length, 16)
      assert.includeMembers(
        progress.map(({ kind }) => kind),
        ["tool_started", "tool_ended", "text"]
      )
      for (const event of progress) assert.deepInclude(event, { tenantId: "acme", taskId: "t1", runKey: "t1.1" })
    }).pipe(withInstances())
  )

  it.effect("ends a turn once that a crash of its gateway cut, by following its resumption", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[delay 3000]] hello") })
      yield* untilVirtually(
        "the turn runs",
        Effect.sync(() => fleet.executions.of(gatewayKey("t1")).executions === 1)
      )
      yield* fleet.crash("a")
      yield* endedOnce
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.deepInclude(fleet.executions.of(gatewayKey("t1")), { executions: 1, resumed: 1 })
      assert.strictEqual(yield* count("a", "instance.unhealthy"), 1)
    }).pipe(withInstances())
  )

  it.effect("takes the answer from the history when its reply was lost", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "lostReply" })
      yield* client.Execute({ attempt: attempt("t1", "hello") })
      yield* endedOnce
      assert.strictEqual((yield* fleet.snapshot("a")).faultsSeen.get("lostReply"), 1)
      assert.include(((yield* told)[0]!.outcome as any).result.text, "hello")
      assert.strictEqual(fleet.executions.of(gatewayKey("t1")).executions, 1)
    }).pipe(withInstances())
  )

  it.effect("follows a turn on when the socket is lost in its middle", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* fleet.order("a", { _tag: "dropSocket" })
      yield* client.Execute({ attempt: attempt("t1", "[[delay 2000]] hello") })
      yield* endedOnce
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.strictEqual(fleet.executions.of(gatewayKey("t1")).executions, 1)
    }).pipe(withInstances())
  )

  it.effect("is followed on, not sent again, by the next owner of the instance", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[delay 5000]] hello") })
      yield* untilVirtually(
        "the turn runs",
        Effect.sync(() => fleet.executions.of(gatewayKey("t1")).executions === 1)
      )
      yield* moveAway("a")
      yield* endedOnce
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.deepInclude(fleet.executions.of(gatewayKey("t1")), { executions: 1, resumed: 0 })
    }).pipe(withInstances())
  )

  it.effect("is followed on, not sent again, when the actor was dropped and loaded under the same epoch", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      const store = yield* MemoryStore
      yield* client.Execute({ attempt: attempt("t1", "[[delay 5000]] hello") })
      yield* untilVirtually(
        "the turn runs",
        Effect.sync(() => fleet.executions.of(gatewayKey("t1")).executions === 1)
      )
      let lost = 0
      store.faults.next = () => (lost++ === 0 ? "refuse" : "none")
      yield* endedOnce
      assert.isAbove(lost, 1)
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.strictEqual(fleet.executions.of(gatewayKey("t1")).executions, 1)
    }).pipe(withInstances())
  )

  it.effect("is not sent again when its owner and the gateway's memory are lost together", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[delay 5000]] hello") })
      yield* untilVirtually(
        "the turn runs",
        Effect.sync(() => fleet.executions.of(gatewayKey("t1")).executions === 1)
      )
      yield* fleet.crash("a")
      yield* moveAway("a")
      yield* endedOnce
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.deepInclude(fleet.executions.of(gatewayKey("t1")), { executions: 1, resumed: 1 })
    }).pipe(withInstances())
  )

  it.effect(
    "is not sent again when the actor is loaded anew under the same epoch and the gateway's memory is lost",
    () =>
      Effect.gen(function* () {
        const client = yield* started("a")
        const fleet = yield* SimulatedFleet
        const store = yield* MemoryStore
        yield* client.Execute({ attempt: attempt("t1", "[[delay 5000]] hello") })
        yield* untilVirtually(
          "the turn runs",
          Effect.sync(() => fleet.executions.of(gatewayKey("t1")).executions === 1)
        )
        let lost = 0
        store.faults.next = () => (lost++ === 0 ? "refuse" : "none")
        yield* fleet.crash("a")
        yield* endedOnce
        assert.isAbove(lost, 1)
        assert.deepStrictEqual(yield* outcomes, ["completed"])
        assert.deepInclude(fleet.executions.of(gatewayKey("t1")), { executions: 1, resumed: 1 })
      }).pipe(withInstances())
  )

  it.effect("is aborted at the gateway when its owner asks, and told so once", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] hello") })
      yield* untilVirtually(
        "the turn runs",
        Effect.map(fleet.snapshot("a"), ({ active }) => active === 1)
      )
      yield* client.AbortAttempt({ runKey: "t1.1", origin: attempt("t1", "").origin })
      yield* endedOnce
      assert.deepStrictEqual(yield* outcomes, ["aborted"])
      assert.strictEqual((yield* fleet.snapshot("a")).active, 0)
      assert.strictEqual((yield* client.InstanceGet()).load.runningTasks, 0)
    }).pipe(withInstances())
  )

  it.effect("ends at its time limit, also when the gateway does not keep it", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] hello", { timeoutMillis: 2_000 }) })
      yield* untilTold(1)
      assert.deepInclude(((yield* told)[0]!.outcome as any).error, { code: "AttemptTimeout" })
      yield* fleet.order("a", { _tag: "unresponsive" })
      yield* client.Execute({ attempt: attempt("t2", "hello", { timeoutMillis: 2_000 }) })
      yield* untilTold(2)
      assert.deepInclude(((yield* told)[1]!.outcome as any).error, { code: "AttemptTimeout", retryable: true })
    }).pipe(withInstances())
  )

  it.effect("is held up once, not for ever, by a message that hangs at the gateway as a turn of its own", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      const { origin, sessionKey } = attempt("t1", "")
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] one") })
      yield* untilVirtually(
        "the turn runs",
        Effect.map(fleet.snapshot("a"), ({ active }) => active === 1)
      )
      yield* client.Steer({ sessionKey, runKey: "s1.steer", message: "[[hang]] two", queueMode: "collect", origin })
      yield* untilTold(1)
      yield* client.AbortAttempt({ runKey: "t1.1", origin })
      yield* untilTold(2)
      yield* client.Execute({ attempt: attempt("t2", "three", { sessionKey, timeoutMillis: 2_000 }) })
      yield* untilTold(3)
      assert.deepInclude(((yield* told)[2]!.outcome as any).error, { code: "AttemptTimeout", retryable: true })
      yield* client.Execute({ attempt: attempt("t3", "four", { sessionKey, timeoutMillis: 2_000 }) })
      yield* untilTold(4)
      assert.deepInclude((yield* told)[3]!.outcome, { _tag: "completed" })
    }).pipe(withInstances())
  )

  it.effect("tells a provider's refusal from its failure", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      yield* client.Execute({ attempt: attempt("t1", "[[error 400]] hello") })
      yield* client.Execute({ attempt: attempt("t2", "[[error 500]] hello") })
      yield* untilTold(2)
      const errors = Object.fromEntries((yield* told).map(({ outcome, runKey }) => [runKey, (outcome as any).error]))
      assert.strictEqual(errors["t1.1"].retryable, false)
      assert.strictEqual(errors["t2.1"].retryable, true)
    }).pipe(withInstances())
  )

  it.effect("wait for a slot beyond the cap, and begin when one is free", () =>
    Effect.gen(function* () {
      const client = yield* started("a", { maxConcurrentTasks: 2 })
      for (const task of ["t1", "t2", "t3"]) {
        yield* client.Execute({ attempt: attempt(task, "[[delay 2000]] hello") })
      }
      yield* untilVirtually(
        "two run",
        Effect.map(count("a", "run.accepted"), (accepted) => accepted === 2)
      )
      yield* untilTold(3)
      assert.deepStrictEqual(
        (yield* told).map(({ runKey, tag }) => [runKey, tag]),
        ["t1.1", "t2.1", "t3.1"].map((runKey) => [runKey, "AttemptEnded"])
      )
    }).pipe(withInstances())
  )

  it.effect("are refused when no slot is free in time, and end aborted when their origin aborts them before", () =>
    Effect.gen(function* () {
      const client = yield* started("a", { maxConcurrentTasks: 1 })
      yield* client.Execute({ attempt: attempt("t1", "[[delay 30000]] hello") })
      for (const task of ["t2", "t3"]) yield* client.Execute({ attempt: attempt(task, "hello") })
      const { origin, runKey } = attempt("t3", "hello")
      yield* client.AbortAttempt({ runKey, origin })
      yield* untilTold(2)
      const [aborted, refused] = yield* told
      assert.deepInclude(aborted, { tag: "AttemptEnded", runKey: "t3.1", outcome: { _tag: "aborted" } })
      assert.deepInclude(refused, { tag: "AttemptRefused", runKey: "t2.1" })
      assert.include(refused!.reason, "slot")
    }).pipe(withInstances())
  )

  it.effect("gives two tenants with the same task id each its own answer", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const other = {
        entityType: "Lane" as const,
        entityId: laneEntityId(TenantId.make("zeta"), LaneName.make("default"))
      }
      yield* client.Execute({ attempt: attempt("t1", "of acme") })
      yield* untilTold(1)
      yield* client.Execute({
        attempt: attempt("t1", "of zeta", {
          origin: other,
          tenantId: TenantId.make("zeta"),
          sessionKey: "agent:main:zeta-t1"
        })
      })
      const store = yield* MemoryStore
      const heard = () =>
        (store.actors.get(`Lane/${other.entityId}`)?.entries.flatMap(({ events }) => events) as Array<any>) ?? []
      yield* untilVirtually(
        "zeta is told",
        Effect.sync(() => heard().length === 1)
      )
      assert.include(heard()[0].said.outcome.result.text, "of zeta")
      assert.include(((yield* told)[0]!.outcome as any).result.text, "of acme")
    }).pipe(withInstances())
  )

  it.effect(
    "opens its breaker after five failures in a row, tries again after 30 s, and closes it after three successes",
    () =>
      Effect.gen(function* () {
        const client = yield* started("a")
        for (let index = 1; index <= 5; index++) {
          yield* client.Execute({ attempt: attempt(`bad${index}`, "[[error 500]] hello") })
          yield* untilTold(index)
        }
        assert.strictEqual((yield* client.InstanceGet()).breaker, "open")
        yield* client.Execute({ attempt: attempt("early", "hello") })
        yield* untilTold(6)
        assert.include((yield* told)[5]!.reason, "the circuit breaker of instance a is open")
        const openedAt = yield* Clock.currentTimeMillis
        yield* untilVirtually(
          "it is half open",
          Effect.map(client.InstanceGet(), ({ breaker }) => breaker === "half_open")
        )
        assert.isAtLeast((yield* Clock.currentTimeMillis) - openedAt, 29_000)
        for (let index = 1; index <= 3; index++) {
          yield* client.Execute({ attempt: attempt(`good${index}`, "hello") })
          yield* untilTold(6 + index)
        }
        assert.strictEqual((yield* client.InstanceGet()).breaker, "closed")
        const breaker = (yield* instanceEvents("a")).map(({ _tag }) => _tag).filter((tag) => tag.includes("breaker"))
        assert.deepStrictEqual(breaker, [
          "instance.breaker_opened",
          "instance.breaker_half_open",
          "instance.breaker_closed"
        ])
      }).pipe(withInstances())
  )

  it.effect("does not open its breaker for what a caller got wrong, or took back", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      for (let index = 1; index <= 6; index++) {
        yield* client.Execute({ attempt: attempt(`bad${index}`, "[[error 400]] hello") })
        yield* untilTold(index)
      }
      assert.strictEqual((yield* client.InstanceGet()).breaker, "closed")
    }).pipe(withInstances())
  )

  it.effect("fails what it runs, to be tried elsewhere, when its gateway cannot be started again", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const fleet = yield* SimulatedFleet
      yield* client.Execute({ attempt: attempt("t1", "[[hang]] hello", { timeoutMillis: 600_000 }) })
      yield* TestClock.adjust(100)
      yield* fleet.order("a", { _tag: "startFailure", reason: "ConfigurationRefused" })
      yield* fleet.crash("a")
      yield* untilPhase("a", "failed")
      yield* untilTold(1)
      assert.deepInclude(((yield* told)[0]!.outcome as any).error, { code: "InstanceFailed", retryable: true })
    }).pipe(withInstances())
  )

  it.effect("puts a steered message into the running turn, and says so", () =>
    Effect.gen(function* () {
      const client = yield* started("a")
      const { origin, sessionKey } = attempt("t1", "")
      yield* client.Execute({ attempt: attempt("t1", "[[delay 3000]] one") })
      yield* TestClock.adjust(200)
      yield* client.Steer({ sessionKey, runKey: "s1.steer", message: "two", queueMode: "steer", origin })
      yield* untilTold(2)
      const reports = yield* told
      assert.deepInclude(reports[0], { tag: "AttemptEnded", runKey: "s1.steer" })
      assert.include((reports[1]!.outcome as any).result.text, "two")
      const late = yield* Effect.flip(
        client.Steer({ sessionKey, runKey: "s2.steer", message: "three", queueMode: "steer", origin })
      )
      assert.strictEqual(late._tag, "NotFound")
      yield* untilTold(3)
      assert.deepInclude((yield* told)[2], { tag: "AttemptRefused", runKey: "s2.steer" })
    }).pipe(withInstances())
  )
})
