import { assert, describe, it } from "@effect/vitest"
import { Equal, HashMap, Schema } from "effect"
import { InstanceActor } from "../../../src/entities/Instance/InstanceActor.ts"
import { activeSessions } from "../../../src/entities/Instance/InstanceState.ts"
import type { Attempt } from "../../../src/schema/runs/Attempt.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import { attempt, entityIdOf } from "./InstanceRig.ts"
import { ActorTest } from "../../../src/testing/ActorTest.ts"

const bounded = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/**
 * What happens to an instance: a command of a caller, a word of an activity, time, a new owner. The likely ones several
 * times.
 */
const happenings = [
  ...[
    "Live",
    "Execute",
    "Live",
    "ExecuteMany",
    "Live",
    "RunEnded",
    "Live",
    "FailMany",
    "Live",
    "Pass",
    "Live",
    "SteerAny"
  ],
  ...["Register", "Start", "Stop", "Drain", "Deregister", "Execute", "ExecuteMany", "Abort", "Steer", "RunEnded"],
  ...[
    "Started",
    "Ready",
    "StartFailed",
    "Exited",
    "ProbeFailed",
    "LinkDown",
    "Sound",
    "Heartbeat",
    "Stopped",
    "StopFailed"
  ],
  ...["RunEnded", "RunProgress", "SteerEnded", "SteerEnded", "Execute", "FailMany", "Abort", "Pass", "Move"]
] as const

const Step = Schema.Struct({
  what: bounded(happenings.length - 1),
  run: bounded(7),
  choice: bounded(3),
  stale: Schema.Boolean,
  millis: bounded(90_000)
})
interface Step {
  readonly what: string
  readonly run: number
  readonly choice: number
  readonly stale: boolean
  readonly millis: number
}
/** Long enough to get somewhere. */
const Steps = Schema.Array(Step).check(Schema.isMinLength(40), Schema.isMaxLength(80))

const caps = { maxConcurrentTasks: 4, maxConcurrentSessions: 2 }

class World {
  readonly actor = new ActorTest(InstanceActor, entityIdOf("a"))
  readonly spec: ReturnType<typeof instanceSpec>
  #incarnation = 0

  constructor(driver: "simulated" | "remote") {
    this.spec = instanceSpec("a", { ...caps, driver })
    this.do({ what: "Register", run: 0, choice: 0, stale: false, millis: 0 })
  }

  attempt(run: number): Attempt {
    const session = run >= 4
    return attempt(`t${run}`, "hello", {
      timeoutMillis: 30_000,
      ...(session
        ? { origin: { entityType: "Session", entityId: `acme/s${run}` }, sessionKey: `agent:main:acme-s${run}` }
        : {})
    })
  }

  /** The run's id if it is under way, else a name that none has. */
  runId(run: number): string {
    const { origin, runKey } = this.attempt(run)
    return `${origin.entityType}:${origin.entityId.replaceAll("/", ":")}:${runKey}`
  }

  do({ choice, millis, run, stale, what }: Step): void {
    const { actor } = this
    const start = (actor.state.record?.start ?? 0) - (stale ? 1 : 0)
    const runId = this.runId(run)
    switch (what) {
      case "Register":
        return void actor.command("Register", { spec: this.spec })
      case "Start":
        return void actor.command("Start", undefined)
      case "Stop":
        return void actor.command("Stop", { graceMillis: choice * 1_000 })
      case "Drain":
        return void actor.command("Drain", { deadlineMillis: choice * 10_000 })
      case "Deregister":
        return void actor.command("Deregister", { force: choice > 1 })
      case "Execute":
        return actor.message("Execute", { attempt: this.attempt(run) })
      case "ExecuteMany":
        for (let other = run; other < run + 5; other++)
          this.do({ what: "Execute", run: other % 8, choice, millis, stale })
        return
      case "FailMany":
        for (let other = 0; other < 8; other++) this.do({ what: "RunEnded", run: other, choice: 1, millis, stale })
        return
      case "SteerAny":
        for (let other = 0; other < 8; other++) this.do({ what: "Steer", run: other, choice, millis, stale })
        return
      case "Abort":
        return actor.message("AbortAttempt", { runKey: `t${run}.1`, origin: this.attempt(run).origin })
      case "Steer":
        return actor.message("Steer", {
          sessionKey: this.attempt(run).sessionKey,
          runKey: `m${choice}.steer`,
          message: "more",
          queueMode: "steer",
          origin: this.attempt(run).origin
        })
      case "Started": {
        this.#incarnation += choice
        const ref = {
          instanceId: this.spec.instanceId,
          url: "ws://a",
          incarnation: `i${this.#incarnation}`,
          adopted: false
        }
        return void actor.signal({ _tag: "Started", start, ref })
      }
      case "Ready":
        return void actor.signal({ _tag: "Ready", start, version: "1", bootId: `b${this.#incarnation}` })
      case "StartFailed":
        return void actor.signal({ _tag: "StartFailed", start, reason: "no", retryable: choice > 0 })
      case "Exited":
        return void actor.signal({ _tag: "Exited", start, reason: "gone" })
      case "ProbeFailed":
        return void actor.signal({ _tag: "ProbeFailed", start, times: 1 + choice * 7, detail: "no answer" })
      case "LinkDown":
        return void actor.signal({ _tag: "LinkDown", start, millis, reason: "lost", retrying: choice > 0 })
      case "Sound":
      case "Stopped":
        return void actor.signal({ _tag: what, start })
      case "Heartbeat":
        return void actor.signal({ _tag: "Heartbeat", start, queuedTasks: choice, onSlots: 0 })
      case "StopFailed":
        return void actor.signal({ _tag: "StopFailed", start, reason: "stuck" })
      case "RunEnded":
        return void actor.signal({ _tag: "RunEnded", runId, ...endings[choice]! })
      case "RunProgress":
        return void actor.signal({ _tag: "RunProgress", runId, kind: "text", text: "…" })
      case "SteerEnded": {
        const steered = HashMap.toValues(actor.state.runs).find(({ steerings }) => steerings.length > 0)
        return void actor.signal({
          _tag: "SteerEnded",
          runId: steered?.runId ?? runId,
          steerKey: steered?.steerings[0]?.steerKey ?? `m${choice}.steer`,
          ...(stale ? { refused: "no" } : {})
        })
      }
      case "Pass":
        assert.isTrue(actor.pass(millis), "a timer that is due takes effect")
        return
      case "Move":
        actor.epoch += 1
        actor.state = actor.restored
        return
      case "Live":
        if (actor.state.record?.restartAt !== undefined) this.do({ what: "Start", run, choice, stale, millis })
        this.do({ what: "Started", run, choice, stale: false, millis })
        return this.do({ what: "Ready", run, choice, stale: false, millis })
    }
  }
}

const result = { text: "done", durationMillis: 10 }
const error = { code: "UNAVAILABLE", message: "no", retryable: true }
const endings = [
  { outcome: { _tag: "completed", result }, verdict: "success" },
  { outcome: { _tag: "failed", error }, verdict: "failure" },
  { outcome: { _tag: "refused", reason: "no link" }, verdict: "neutral" },
  { outcome: { _tag: "aborted" }, verdict: "neutral" }
] as const

const waits = new Set(["provisioning", "warming", "draining"])

const play = (steps: typeof Steps.Type, driver: "simulated" | "remote", check: (world: World) => void) => {
  const world = new World(driver)
  for (const step of steps) {
    world.do({ ...step, what: happenings[step.what]! })
    check(world)
  }
  return world
}

const driverOf = (steps: ReadonlyArray<unknown>) =>
  steps.length % 3 === 0 ? ("remote" as const) : ("simulated" as const)

describe("InstanceActor", () => {
  it.prop("ends each accepted run exactly once, and tells its origin so", [Steps], ([steps]) => {
    const { actor } = play(steps, driverOf(steps), () => {})
    const open = new Map<string, number>()
    let ended = 0
    for (const event of actor.events) {
      if (event._tag === "run.accepted") {
        assert.strictEqual(open.get(event.runKey) ?? 0, 0)
        open.set(event.runKey, 1)
      } else if (event._tag === "run.ended") {
        assert.strictEqual(open.get(event.runKey), 1)
        open.set(event.runKey, 0)
        ended++
      }
    }
    const left = [...open]
      .filter(([, count]) => count === 1)
      .map(([key]) => key)
      .toSorted()
    const held = HashMap.toValues(actor.state.runs)
      .map(({ attempt }) => attempt.runKey)
      .toSorted()
    assert.deepStrictEqual(held, left)
    const reports = actor.sent.filter(
      ({ payload, tag }) => tag === "AttemptEnded" && !(payload as { runKey: string }).runKey.endsWith(".steer")
    )
    const refusedLate = actor.events.filter((event) => event._tag === "run.ended" && event.status === "refused").length
    const neverRun = actor.events.filter(
      (event) => event._tag === "run.internal_unqueued" && event.refusal === undefined
    ).length
    assert.strictEqual(reports.length, ended - refusedLate + neverRun)
  })

  it.prop("answers each steered message once", [Steps], ([steps]) => {
    const { actor } = play(steps, driverOf(steps), () => {})
    const taken = actor.events.filter(({ _tag }) => _tag === "run.internal_steered").length
    const told = actor.events.filter(({ _tag }) => _tag === "run.internal_steer_ended").length
    const held = HashMap.toValues(actor.state.runs).reduce((sum, { steerings }) => sum + steerings.length, 0)
    const ended = actor.sent.filter(
      ({ payload, tag }) => tag === "AttemptEnded" && (payload as { runKey: string }).runKey.endsWith(".steer")
    ).length
    assert.isAtLeast(taken, told + held)
    assert.isAtMost(ended, told)
  })

  it.prop("never goes beyond its caps, and takes work only while it is warm", [Steps], ([steps]) => {
    let accepted = 0
    play(steps, driverOf(steps), ({ actor }) => {
      assert.isAtMost(HashMap.size(actor.state.runs), caps.maxConcurrentTasks)
      assert.isAtMost(activeSessions(actor.state).size, caps.maxConcurrentSessions)
      const now = actor.events.filter(({ _tag }) => _tag === "run.accepted").length
      if (now > accepted) assert.strictEqual(actor.state.record!.phase, "warm")
      accepted = now
      if (actor.state.record!.drain === "stopping") assert.strictEqual(HashMap.size(actor.state.runs), 0)
    })
  })

  it.prop("has a timer in every phase that waits, and for every run", [Steps], ([steps]) => {
    play(steps, driverOf(steps), ({ actor }) => {
      const keys = actor.timers.map(({ key }) => key)
      if (waits.has(actor.state.record!.phase)) assert.include(keys, "phase")
      if (!HashMap.isEmpty(actor.state.runs)) assert.include(keys, "runs")
      if (actor.state.breaker.state === "open") assert.include(keys, "breaker")
    })
  })

  it.prop("comes to rest when nobody says anything any more", [Steps], ([steps]) => {
    const { actor } = play(steps, "simulated", () => {})
    assert.isTrue(actor.pass(86_400_000))
    assert.deepStrictEqual(actor.timers, [])
    assert.isFalse(waits.has(actor.state.record!.phase))
    assert.isTrue(HashMap.isEmpty(actor.state.runs))
  })

  it.prop("moves its breaker only as a breaker may", [Steps], ([steps]) => {
    const legal = new Set(["closed>open", "open>half_open", "half_open>open", "half_open>closed"])
    const { actor } = play(steps, driverOf(steps), () => {})
    let before = "closed"
    for (const [index, { breaker }] of actor.states.entries()) {
      const event = actor.events[index]!
      const reset = event._tag === "instance.registered" || (event._tag === "instance.starting" && event.reset)
      if (breaker.state !== before && !reset) assert.isTrue(legal.has(`${before}>${breaker.state}`))
      before = breaker.state
    }
  })

  it("writes its view when a run fails, which routers read, and not when one succeeds", () => {
    const actor = new ActorTest(InstanceActor, entityIdOf("a"))
    actor.command("Register", { spec: instanceSpec("a") })
    const ref = { instanceId: instanceSpec("a").instanceId, url: "ws://a", incarnation: "i1", adopted: false }
    actor.signal({ _tag: "Started", start: 1, ref })
    actor.signal({ _tag: "Ready", start: 1, version: "1", bootId: "b1" })
    const view = () => InstanceActor.view!.of(actor.state, entityIdOf("a"))
    const before = view()
    const end = (task: string, failed: boolean) => {
      actor.message("Execute", { attempt: attempt(task, "hello") })
      const [run] = HashMap.toValues(actor.state.runs)
      const error = { code: "AttemptTimeout", message: "no", retryable: true }
      const ended = failed
        ? ({ outcome: { _tag: "failed", error }, verdict: "neutral" } as const)
        : ({ outcome: { _tag: "completed", result: { text: "done", durationMillis: 1 } }, verdict: "success" } as const)
      actor.signal({ _tag: "RunEnded", runId: run!.runId, ...ended })
    }
    end("t1", false)
    assert.strictEqual(view(), before)
    end("t2", true)
    assert.deepInclude(view()!.doc, { recentFailures: { count: 1, at: actor.now } })
  })

  it.prop("is what its events say, also after a snapshot", [Steps], ([steps]) => {
    const { actor } = play(steps, driverOf(steps), () => {})
    assert.isTrue(Equal.equals(actor.folded, actor.state))
    assert.isTrue(Equal.equals(actor.restored, actor.state))
  })

  it.prop(
    "supervises, stops or cleans up one gateway at a time, and does one thing with each run",
    [Steps],
    ([steps]) => {
      play(steps, driverOf(steps), ({ actor }) => {
        const keys = actor.activities.map(({ key }) => key)
        assert.isAtMost(keys.filter((key) => /^(supervise|stop|cleanup):/.test(key)).length, 1)
        assert.strictEqual(keys.filter((key) => /^(run|abort):/.test(key)).length, HashMap.size(actor.state.runs))
        assert.strictEqual(new Set(keys).size, keys.length)
      })
    }
  )

  it.prop("lets every waiting phase end in one that the life of an instance knows", [Steps], ([steps]) => {
    const next: Record<string, ReadonlyArray<string>> = {
      none: ["stopped"],
      stopped: ["provisioning", "destroyed"],
      provisioning: ["warming", "draining", "failed"],
      warming: ["warm", "provisioning", "draining", "failed"],
      warm: ["warming", "provisioning", "draining", "failed"],
      draining: ["stopped", "destroyed", "failed"],
      failed: ["provisioning", "draining", "destroyed"],
      destroyed: ["stopped"]
    }
    const { actor } = play(steps, driverOf(steps), () => {})
    let before = "none"
    for (const { record } of actor.states) {
      if (record!.phase !== before) assert.include(next[before]!, record!.phase, `after ${before}`)
      before = record!.phase
    }
  })
})
