import { assert, describe, it } from "@effect/vitest"
import { Equal, Schema } from "effect"
import { SessionActor } from "../../../src/entities/Session/SessionActor.ts"
import { viewOf } from "../../../src/entities/Session/SessionView.ts"
import type { SessionEvent } from "../../../src/schema/events/SessionEvents.ts"
import { InstanceId, Placement } from "../../../src/schema/Ids.ts"
import { ActorTest } from "../../../src/testing/ActorTest.ts"
import { sessionEntity } from "./SessionRig.ts"

const bounded = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** What happens to a session. The likely ones several times. */
const happenings = [
  ...["TurnSend", "Placed", "TurnSend", "Ended", "TurnSend", "Placed", "Ended", "TurnSend", "Ended", "Refused", "Pass"],
  ...[
    "Steer",
    "Steer",
    "SteerEnded",
    "SteerRefused",
    "Abort",
    "Unplaced",
    "Pass",
    "Move",
    "OldReport",
    "Held",
    "Terminate"
  ]
] as const
const Steps = Schema.Array(
  Schema.Struct({ what: bounded(happenings.length - 1), choice: bounded(3), millis: bounded(20_000) })
).check(Schema.isMinLength(40), Schema.isMaxLength(80))

const instanceId = InstanceId.make("a")
const place = { instanceId, placement: Placement.make("default"), because: "test" }
const result = { text: "done", durationMillis: 10 }
const outcomes = [
  { _tag: "completed", result },
  { _tag: "failed", error: { code: "UNAVAILABLE", message: "no", retryable: true } },
  { _tag: "failed", error: { code: "INVALID_REQUEST", message: "no", retryable: false } },
  { _tag: "aborted" }
] as const
const modes = ["steer", "interrupt", "collect", "followup"] as const

class World {
  readonly actor = new ActorTest(SessionActor, sessionEntity("s"))
  #turns = 0

  constructor() {
    this.actor.command("SessionCreate", { hints: {} })
  }

  do(what: string, choice: number, millis: number): void {
    const { actor } = this
    const { head, steered } = actor.state
    const runKey = head === undefined ? "none.1" : `${head.turn.turnId}.${head.attempt}`
    const placement = actor.activities[0]?.key ?? "none"
    switch (what) {
      case "TurnSend":
        return void actor.command("TurnSend", { turnId: `t${this.#turns++}`, message: "hello", timeoutMillis: 30_000 })
      case "Steer":
        return void actor.command("SessionSteer", {
          turnId: `m${this.#turns++}`,
          message: "more",
          queueMode: modes[choice]!
        })
      case "Placed":
        return void actor.signal({ _tag: "Placed", placement, place })
      case "Held":
        return void actor.signal({ _tag: "Held" })
      case "Unplaced":
        return void actor.signal({ _tag: "Unplaced", placement, reason: `reason ${choice}` })
      case "Ended":
        return actor.message("AttemptEnded", { runKey, instanceId, outcome: outcomes[choice]! })
      case "Refused":
        return actor.message("AttemptRefused", { runKey, instanceId, reason: "full", retryAfterMillis: millis })
      case "OldReport":
        return actor.message("AttemptEnded", { runKey: `${runKey}9`, instanceId, outcome: outcomes[choice]! })
      case "SteerEnded":
      case "SteerRefused": {
        const steerKey = `${steered[0]?.turn.turnId ?? "none"}.steer`
        return actor.message(what === "SteerEnded" ? "AttemptEnded" : "AttemptRefused", {
          runKey: steerKey,
          instanceId,
          outcome: outcomes[0],
          reason: "too late",
          retryAfterMillis: 0
        })
      }
      case "Abort":
        return void actor.command("SessionAbort", { queued: choice === 0 })
      case "Terminate":
        return choice === 0 ? void actor.command("SessionTerminate", undefined) : undefined
      case "Pass":
        assert.isTrue(actor.pass(millis), "a timer that is due takes effect")
        return
      case "Move":
        actor.epoch += 1
        actor.state = actor.restored
    }
  }
}

const play = (steps: typeof Steps.Type, check: (world: World) => void = () => {}) => {
  const world = new World()
  for (const { choice, millis, what } of steps) {
    world.do(happenings[what]!, choice, millis)
    check(world)
  }
  return world.actor
}

const isEnd = ({ _tag }: SessionEvent) =>
  _tag === "session.turn_completed" || _tag === "session.turn_failed" || _tag === "session.turn_aborted"

describe("SessionActor", () => {
  it.prop("ends each accepted turn exactly once", [Steps], ([steps]) => {
    const actor = play(steps)
    const open = new Set<string>()
    for (const event of actor.events) {
      if (event._tag === "session.turn_queued" || event._tag === "session.steered") open.add(event.turnId)
      else if (isEnd(event)) assert.isTrue(open.delete((event as { turnId: string }).turnId))
    }
    const { head, queue, steered } = actor.state
    const held = [...(head === undefined ? [] : [head]), ...steered].map(({ turn }) => turn.turnId)
    assert.deepStrictEqual([...held, ...queue.map(({ turnId }) => turnId)].toSorted(), [...open].toSorted())
  })

  it.prop("runs one turn at a time, in the order accepted but for interrupts", [Steps], ([steps]) => {
    const actor = play(steps)
    const waiting: Array<string> = []
    let running: string | undefined
    let late = false
    for (const event of actor.events) {
      if (event._tag === "session.turn_queued") {
        if (event.position === "tail") waiting.push(event.turnId)
        else if (event.position === "front") waiting.unshift(event.turnId)
        else {
          late = true
          break
        }
      } else if (event._tag === "session.turn_started" && event.turnId !== running) {
        assert.strictEqual(running, undefined)
        assert.strictEqual(event.turnId, waiting[0])
        running = event.turnId
      } else if (isEnd(event)) {
        const { turnId } = event as { turnId: string }
        if (turnId === running) running = undefined
        const at = waiting.indexOf(turnId)
        if (at >= 0) waiting.splice(at, 1)
      }
    }
    if (!late) assert.strictEqual(waiting.length, actor.state.queue.length + (actor.state.head === undefined ? 0 : 1))
  })

  it.prop("never sends two attempts that could run at once", [Steps], ([steps]) => {
    const actor = play(steps)
    const keys = actor.sent
      .filter(({ tag }) => tag === "Execute")
      .map(({ payload }) => (payload as { attempt: { runKey: string } }).attempt.runKey)
    const started = actor.events.flatMap((event) => (event._tag === "session.turn_started" ? [event.runKey] : []))
    assert.deepStrictEqual(keys, started)
  })

  it.prop("has an end for every step, and comes to rest when nobody says anything any more", [Steps], ([steps]) => {
    const actor = play(steps, ({ actor }) => {
      const { head, steered } = actor.state
      const keys = actor.timers.map(({ key }) => key)
      if (head !== undefined) assert.include(keys, "turn")
      if (head?.step === "waiting") assert.include(keys, "retry")
      if (steered.length > 0) assert.include(keys, "steered")
    })
    assert.isTrue(actor.pass(7 * 86_400_000))
    assert.deepStrictEqual(actor.timers, [])
    const { head, phase, queue, steered } = actor.state
    assert.deepStrictEqual([head, queue.length, steered.length], [undefined, 0, 0])
    assert.include(["open", "idle", "closed"], phase)
  })

  it.prop("is what its events say, also after a snapshot, and keeps within its bounds", [Steps], ([steps]) => {
    const actor = play(steps, ({ actor }) => {
      assert.isAtMost(actor.state.ended.length, 20)
      assert.isAtMost(actor.state.steered.length, 16)
      assert.isBelow(JSON.stringify(viewOf(actor.state)!.doc).length, 20_000)
    })
    assert.isTrue(Equal.equals(actor.folded, actor.state))
    assert.isTrue(Equal.equals(actor.restored, actor.state))
  })

  it("bounds what it keeps of an answer and shows of it in lists", () => {
    const { actor } = new World()
    actor.command("TurnSend", { turnId: "t1", message: "x".repeat(200_000), timeoutMillis: 30_000 })
    actor.signal({ _tag: "Placed", placement: actor.activities[0]!.key, place })
    const long = { text: "y".repeat(500_000), durationMillis: 1 }
    actor.command("AttemptEnded", { runKey: "t1.1", instanceId, outcome: { _tag: "completed", result: long } })
    const kept = actor.command("TurnGet", { turnId: "t1" })
    assert.deepStrictEqual(kept._tag === "Success" ? [kept.value.text?.length, kept.value.isPreview] : [], [
      2_048,
      true
    ])
    const said = actor.events.find(({ _tag }) => _tag === "session.turn_completed")
    assert.match(JSON.stringify(said).slice(-200), /\[cut: 500000 characters\]/)
    assert.isBelow(JSON.stringify(viewOf(actor.state)!.doc).length, 3_000)
  })

  it("refuses a turn that would not fit beside those that wait and those on their way into the running turn", () => {
    const { actor } = new World()
    actor.command("TurnSend", { turnId: "t0", message: "hello", timeoutMillis: 30_000 })
    actor.signal({ _tag: "Placed", placement: actor.activities[0]!.key, place })
    const message = "x".repeat(200_000)
    for (let n = 0; n < 16; n++) actor.command("SessionSteer", { turnId: `m${n}`, message, queueMode: "steer" })
    assert.strictEqual(actor.state.steered.length, 16)
    const send = (n: number) => actor.command("TurnSend", { turnId: `t${n}`, message, timeoutMillis: 30_000 })
    let sent = 1
    while (send(sent)._tag === "Success") sent++
    const refused = send(sent)
    assert.deepInclude(refused._tag === "Failure" ? refused.error : {}, { _tag: "Overloaded", layer: "session s" })
    actor.signal({ _tag: "Lost", runKey: "t0.1", reason: "its machine is gone" })
    const chars = actor.state.queue.reduce((sum, turn) => sum + turn.message.length, 0)
    assert.deepStrictEqual([actor.state.queue.length, chars], [40, 8_000_000])
  })

  it("starts no turn behind the running one while its tenant is held, and searches a place for it instead", () => {
    const world = new World()
    world.do("TurnSend", 0, 0)
    world.do("Placed", 0, 0)
    for (let turn = 0; turn < 2; turn++) world.do("TurnSend", 0, 0)
    world.actor.signal({ _tag: "Held" })
    world.actor.signal({ _tag: "Held" })
    assert.strictEqual(world.actor.events.filter(({ _tag }) => _tag === "session.internal_held").length, 1)
    world.do("Ended", 0, 0)
    assert.strictEqual(world.actor.state.head?.step, "placing")
    world.do("Unplaced", 0, 0)
    world.do("Placed", 0, 0)
    assert.strictEqual(world.actor.state.head?.step, "sent")
    world.do("Ended", 0, 0)
    assert.strictEqual(world.actor.state.head?.step, "sent")
    assert.isTrue(Equal.equals(world.actor.folded, world.actor.restored))
  })

  it("gives up an attempt of which nothing is heard, and looks at the instance before the next", () => {
    const { actor } = new World()
    actor.command("TurnSend", { turnId: "t1", message: "hello", timeoutMillis: 30_000 })
    actor.signal({ _tag: "Placed", placement: actor.activities[0]!.key, place })
    actor.command("AttemptEnded", { runKey: "t1.1", instanceId, outcome: outcomes[0] })
    actor.command("TurnSend", { turnId: "t2", message: "hello", timeoutMillis: 30_000 })
    assert.deepStrictEqual(
      actor.activities.map(({ key }) => key),
      ["watch:t2.1"]
    )
    assert.isTrue(actor.pass(90_000))
    assert.strictEqual(actor.state.ended.at(-1)!.error!.code, "AttemptLost")
    assert.strictEqual(actor.sent.at(-1)!.tag, "AbortAttempt")
    actor.command("TurnSend", { turnId: "t3", message: "hello", timeoutMillis: 30_000 })
    assert.strictEqual(actor.state.head!.step, "placing")
  })
})
