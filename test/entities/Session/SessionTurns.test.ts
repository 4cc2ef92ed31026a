import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { instance, moveAway, started } from "../Instance/InstanceRig.ts"
import { created, session, sessionEvents, turn, untilTurn, withSessions } from "./SessionRig.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

const gatewayKey = (turnId: string, attempt = 1) => `Session:acme:s:${turnId}.${attempt}`

const statusOf = (sessionId: string) => Effect.flatMap(session(sessionId), (client) => client.SessionGet())

const endings = (sessionId: string) =>
  Effect.map(sessionEvents(sessionId), (all) =>
    all.filter(({ _tag }) => /turn_(completed|failed|aborted)$/.test(_tag)).map(({ turnId }) => turnId as string)
  )

describe("Session turns", () => {
  it.effect("say that they wait for a slot of their instance, for as long as they do", () =>
    Effect.gen(function* () {
      yield* started("a", { maxConcurrentTasks: 1 })
      const busy = yield* created("busy")
      const client = yield* created("s")
      yield* busy.TurnSend(turn("t1", "[[delay 4000]] first"))
      yield* untilTurn("busy", "t1", "running")
      yield* client.TurnSend(turn("t1", "[[delay 2000]] second"))
      const waitingFor = Effect.map(statusOf("s"), (status) => status.waitingFor)
      yield* untilVirtually(
        "it says so",
        Effect.map(waitingFor, (said) => /^waits for a slot of instance a, all 1 are taken$/.test(said ?? ""))
      )
      yield* untilTurn("busy", "t1", "completed")
      yield* untilVirtually(
        "it runs",
        Effect.map(waitingFor, (said) => said === undefined)
      )
      assert.strictEqual((yield* client.TurnGet({ turnId: "t1" })).phase, "running")
      yield* untilTurn("s", "t1", "completed")
    }).pipe(withSessions())
  )

  it.effect("runs a turn on an instance and keeps its answer", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      const accepted = yield* client.TurnSend(turn("t1", "hello"))
      assert.strictEqual(accepted.phase, "queued")
      yield* untilTurn("s", "t1", "completed")
      const status = yield* client.SessionGet()
      assert.deepInclude(status, { phase: "idle", queued: 0, turnsCompleted: 1 })
      assert.strictEqual(status.instanceId, "a")
      assert.include(status.turns[0]!.text, "hello")
      assert.isNumber(status.turns[0]!.startedAt)
      const tags = (yield* sessionEvents("s")).map(({ _tag }) => _tag).filter((tag) => !tag.includes("internal"))
      assert.deepStrictEqual(tags, [
        "session.created",
        "session.turn_queued",
        "session.assigned",
        "session.turn_started",
        "session.turn_completed"
      ])
    }).pipe(withSessions())
  )

  it.effect("runs 20 turns once each and in order, though the gateway crashes and the instance moves in between", () =>
    Effect.gen(function* () {
      yield* started("a")
      const fleet = yield* SimulatedFleet
      const client = yield* created("s")
      const turnIds = Array.from({ length: 20 }, (_, index) => `t${index}`)
      for (const turnId of turnIds) yield* client.TurnSend(turn(turnId, `[[delay 300]] ${turnId}`, 120_000))
      yield* untilVirtually(
        "the fifth turn runs",
        Effect.sync(() => fleet.executions.of(gatewayKey("t4")).executions === 1)
      )
      yield* fleet.crash("a")
      yield* untilVirtually(
        "the tenth turn runs",
        Effect.sync(() => fleet.executions.of(gatewayKey("t9")).executions === 1)
      )
      yield* moveAway("a")
      yield* untilTurn("s", "t19", "completed")
      assert.deepStrictEqual(yield* endings("s"), turnIds)
      assert.strictEqual((yield* client.SessionGet()).turnsCompleted, 20)
      for (const turnId of turnIds) assert.strictEqual(fleet.executions.of(gatewayKey(turnId)).executions, 1)
      assert.strictEqual(fleet.executions.of(gatewayKey("t4")).resumed, 1)
    }).pipe(withSessions())
  )

  it.effect("tries the first turn elsewhere when it fails, and comes back only when it failed there, too", () =>
    Effect.gen(function* () {
      const fleet = yield* SimulatedFleet
      for (const id of ["a", "b"]) {
        yield* started(id)
        yield* fleet.order(id, { _tag: "failure", message: "the state folder is gone", turns: 1 })
      }
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "hello"))
      yield* untilTurn("s", "t1", "completed")
      const where = (yield* sessionEvents("s")).filter(({ _tag }) => _tag === "session.turn_started")
      const [first, second, third] = where.map(({ instanceId }) => instanceId as string)
      assert.notStrictEqual(first, second)
      assert.strictEqual(third, first)
    }).pipe(withSessions())
  )

  it.effect("names a backup by policy Fallback, and goes there when its instance is deregistered", () =>
    Effect.gen(function* () {
      for (const id of ["a", "b", "c"]) yield* started(id)
      const client = yield* session("s")
      yield* client.SessionCreate({ hints: { policy: "Fallback" } })
      yield* client.TurnSend(turn("t1", "hello"))
      yield* untilTurn("s", "t1", "completed")
      const assigned = (yield* sessionEvents("s")).find(({ _tag }) => _tag === "session.assigned")
      assert.isString(assigned.backup)
      for (const id of ["d", "e", "f", "g", "h", "i", "j"]) yield* started(id)
      const leaving = yield* instance(assigned.instanceId)
      yield* leaving.Deregister({ force: true })
      yield* client.TurnSend(turn("t2", "hello again"))
      yield* untilTurn("s", "t2", "completed")
      assert.strictEqual((yield* client.SessionGet()).instanceId, assigned.backup)
    }).pipe(withSessions())
  )

  it.effect("returns a turn that was sent before, and refuses its id with another message", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "hello"))
      yield* untilTurn("s", "t1", "completed")
      assert.strictEqual((yield* client.TurnSend(turn("t1", "hello"))).phase, "completed")
      assert.strictEqual((yield* Effect.flip(client.TurnSend(turn("t1", "other"))))._tag, "Conflict")
      assert.strictEqual((yield* Effect.flip((yield* session("none")).TurnSend(turn("t1"))))._tag, "NotFound")
      assert.strictEqual((yield* Effect.flip(client.TurnGet({ turnId: "none" })))._tag, "NotFound")
    }).pipe(withSessions())
  )

  it.effect("takes at most 1,000 waiting turns", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("first", "[[hang]]"))
      for (let index = 0; index < 1_000; index++) yield* client.TurnSend(turn(`t${index}`))
      const refusal = yield* Effect.flip(client.TurnSend(turn("late")))
      assert.strictEqual(refusal._tag, "Overloaded")
    }).pipe(withSessions())
  )

  it.effect("says what a turn waits for, and fails it when nothing comes in its time", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "hello", 10_000))
      yield* untilVirtually(
        "it waits",
        Effect.map(statusOf("s"), ({ waitingFor }) => waitingFor === "no instance is registered")
      )
      yield* untilTurn("s", "t1", "failed")
      assert.deepInclude((yield* client.TurnGet({ turnId: "t1" })).error, { code: "DeadlineExceeded" })
      yield* client.TurnSend(turn("t2", "hello"))
      yield* started("a")
      yield* untilTurn("s", "t2", "completed")
    }).pipe(withSessions())
  )

  it.effect("waits while its instance is full, and goes on when there is room", () =>
    Effect.gen(function* () {
      yield* started("a", { maxConcurrentTasks: 1 })
      const [one, two] = [yield* created("one"), yield* created("two")]
      yield* one.TurnSend(turn("t1", "[[delay 20000]] hello"))
      yield* untilTurn("one", "t1", "running")
      yield* two.TurnSend(turn("t2", "hello"))
      yield* untilVirtually(
        "it says why",
        Effect.map(statusOf("two"), ({ waitingFor }) => waitingFor !== undefined)
      )
      yield* untilTurn("two", "t2", "completed")
      yield* untilTurn("one", "t1", "completed")
    }).pipe(withSessions())
  )

  it.effect("tries again after a failure that may pass, and not after one that may not", () =>
    Effect.gen(function* () {
      yield* started("a")
      const fleet = yield* SimulatedFleet
      const client = yield* created("s")
      yield* fleet.order("a", { _tag: "providerError", status: 503, turns: 2 })
      yield* client.TurnSend(turn("t1", "hello"))
      yield* untilTurn("s", "t1", "completed")
      const starts = (yield* sessionEvents("s")).filter(({ _tag }) => _tag === "session.turn_started")
      assert.deepStrictEqual(
        starts.map(({ runKey }) => runKey),
        ["t1.1", "t1.2", "t1.3"]
      )
      yield* fleet.order("a", { _tag: "providerError", status: 400 })
      yield* client.TurnSend(turn("t2", "hello"))
      yield* untilTurn("s", "t2", "failed")
      yield* fleet.order("a", { _tag: "providerError", status: 503, turns: 3 })
      yield* client.TurnSend(turn("t3", "hello"))
      yield* untilTurn("s", "t3", "failed")
    }).pipe(withSessions())
  )

  it.effect("stays with its instance, and moves only when that is gone for good", () =>
    Effect.gen(function* () {
      const a = yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "hello"))
      yield* untilTurn("s", "t1", "completed")
      yield* started("b")
      yield* client.TurnSend(turn("t2", "hello"))
      yield* untilTurn("s", "t2", "completed")
      assert.strictEqual((yield* client.SessionGet()).instanceId, "a")
      yield* a.Deregister({ force: true })
      yield* client.TurnSend(turn("t3", "hello"))
      yield* untilTurn("s", "t3", "completed")
      assert.strictEqual((yield* client.SessionGet()).instanceId, "b")
      const moves = (yield* sessionEvents("s")).filter(({ _tag }) => _tag === "session.assigned")
      assert.deepStrictEqual(
        moves.map(({ instanceId, movedFrom }) => [instanceId, movedFrom]),
        [
          ["a", undefined],
          ["b", "a"]
        ]
      )
    }).pipe(withSessions())
  )

  it.effect("aborts the running turn, and the waiting ones when asked", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "[[hang]] hello"))
      yield* client.TurnSend(turn("t2", "[[hang]] hello"))
      yield* client.TurnSend(turn("t3", "hello"))
      yield* untilTurn("s", "t1", "running")
      yield* client.SessionAbort({ queued: false })
      yield* untilTurn("s", "t1", "aborted")
      yield* untilTurn("s", "t2", "running")
      yield* client.SessionAbort({ queued: true })
      yield* untilTurn("s", "t2", "aborted")
      yield* untilTurn("s", "t3", "aborted")
      yield* client.TurnSend(turn("t4", "hello"))
      yield* untilTurn("s", "t4", "completed")
    }).pipe(withSessions())
  )

  it.effect("ends for good when terminated", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "[[hang]] hello"))
      yield* client.TurnSend(turn("t2", "hello"))
      yield* untilTurn("s", "t1", "running")
      assert.strictEqual((yield* client.SessionTerminate()).phase, "closing")
      yield* untilVirtually(
        "it is closed",
        Effect.map(statusOf("s"), ({ phase }) => phase === "closed")
      )
      assert.deepStrictEqual((yield* endings("s")).toSorted(), ["t1", "t2"])
      assert.strictEqual((yield* Effect.flip(client.TurnSend(turn("t3"))))._tag, "Conflict")
      assert.strictEqual((yield* client.SessionTerminate()).phase, "closed")
    }).pipe(withSessions())
  )
})

describe("Session steering", () => {
  it.effect("puts a message into the running turn", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "[[delay 3000]] one"))
      yield* untilTurn("s", "t1", "running")
      yield* TestClock.adjust(200)
      assert.strictEqual(
        (yield* client.SessionSteer({ turnId: "m1", message: "two", queueMode: "steer" })).phase,
        "running"
      )
      yield* untilTurn("s", "m1", "completed")
      yield* untilTurn("s", "t1", "completed")
      assert.include((yield* client.TurnGet({ turnId: "t1" })).text, "two")
      const joined = (yield* sessionEvents("s")).find(
        ({ turnId, _tag }) => turnId === "m1" && _tag.endsWith("completed")
      )
      assert.strictEqual(joined.joined, "t1")
    }).pipe(withSessions())
  )

  it.effect("makes a turn of a message that came when none runs, or just too late", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.SessionSteer({ turnId: "m1", message: "one", queueMode: "steer" })
      yield* untilTurn("s", "m1", "completed")
      assert.include((yield* client.TurnGet({ turnId: "m1" })).text, "one")
      yield* client.TurnSend(turn("t2", "two"))
      yield* client.SessionSteer({ turnId: "m2", message: "three", queueMode: "steer" })
      yield* untilTurn("s", "m2", "completed")
      yield* untilTurn("s", "t2", "completed")
      const texts = (yield* client.SessionGet()).turns.map(({ text }) => text).join(" ")
      assert.include(texts, "three")
    }).pipe(withSessions())
  )

  it.effect("interrupts: aborts what runs and goes before all that wait", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "[[hang]] one"))
      yield* client.TurnSend(turn("t2", "two"))
      yield* untilTurn("s", "t1", "running")
      yield* client.SessionSteer({ turnId: "m1", message: "now", queueMode: "interrupt" })
      yield* untilTurn("s", "t2", "completed")
      assert.deepStrictEqual(yield* endings("s"), ["t1", "m1", "t2"])
    }).pipe(withSessions())
  )

  it.effect("collects and follows up behind what waits", () =>
    Effect.gen(function* () {
      yield* started("a")
      const client = yield* created("s")
      yield* client.TurnSend(turn("t1", "[[delay 500]] one"))
      yield* client.SessionSteer({ turnId: "m1", message: "two", queueMode: "collect" })
      yield* client.SessionSteer({ turnId: "m2", message: "three", queueMode: "followup" })
      yield* untilTurn("s", "m2", "completed")
      assert.deepStrictEqual(yield* endings("s"), ["t1", "m1", "m2"])
    }).pipe(withSessions())
  )
})
