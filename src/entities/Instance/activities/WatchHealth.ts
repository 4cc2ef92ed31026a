/**
 * Watches a linked gateway: the link status on every change, probe and load at a steady interval. Never completes by
 * itself.
 */
import { Clock, Effect, HashMap, Option, type Scope, Stream } from "effect"
import type { InstanceDriver, InstanceRef } from "../../../instances/InstanceDriver.ts"
import type { GatewayHello, GatewayLink, LinkStatus } from "../../../openclaw/GatewayLink.ts"
import type { Board } from "../board/Board.ts"
import { checkEveryOf, linkUnhealthy, loadEvery, loadStep, measureEvery, unsteadyLink } from "../InstancePolicy.ts"
import type { InstanceSelf } from "./RunAttempt.ts"

interface Watched {
  readonly board: Board
  readonly driver: InstanceDriver
  readonly link: GatewayLink
  readonly ref: InstanceRef
  readonly start: number
  readonly self: InstanceSelf
  /** Unix milliseconds at which the gateway was ready. */
  readonly since: number
}

const probeLimit = "5 seconds"

interface Metrics {
  readonly cpu?: number
  readonly memoryBytes?: number
  readonly queuedTasks: number
}

const isClose = (left: number | undefined, right: number | undefined, least: number): boolean =>
  left === right ||
  (left !== undefined && right !== undefined && Math.abs(left - right) <= Math.max(least, loadStep * Math.abs(left)))

/** `cpu` is a share of one core, so a change of a tenth is small whatever the value was. */
const isAlike = (left: Metrics, right: Metrics): boolean =>
  left.queuedTasks === right.queuedTasks &&
  isClose(left.cpu, right.cpu, loadStep) &&
  isClose(left.memoryBytes, right.memoryBytes, 0)

export const watchHealth = (watched: Watched): Effect.Effect<never, never, Scope.Scope> => {
  const watch = new Watch(watched)
  return Effect.andThen(
    Effect.forkScoped(Stream.runForEach(watched.link.statusChanges, (status) => watch.onStatus(status))),
    Effect.forever(Effect.andThen(watch.pause, watch.check))
  )
}

/** Recent losses of the link, and the reason of the last one. */
class Losses {
  #at: Array<number> = []
  #reason = ""

  noted(now: number, reason: string): void {
    this.#at = [...this.#at, now].slice(-unsteadyLink.times)
    this.#reason = reason
  }

  isUnsteady(now: number): boolean {
    return this.#at.length >= unsteadyLink.times && now - this.#at[0]! < unsteadyLink.withinMillis
  }

  get words(): string {
    const seconds = unsteadyLink.withinMillis / 1_000
    return `the link to the gateway was lost ${unsteadyLink.times} times within ${seconds} s, the last time by ${this.#reason}`
  }
}

class Watch {
  readonly #watched: Watched
  #downSince: number | undefined
  /** Hello of a connection that was not reported to the actor yet. */
  #unsaid: GatewayHello | undefined
  readonly #losses = new Losses()
  #failedProbes = 0
  #measuredAt: number
  #toldAt: number
  #runsTold = -1
  #metrics: Metrics = { queuedTasks: 0 }
  #metricsTold: Metrics = { queuedTasks: 0 }

  constructor(watched: Watched) {
    this.#watched = watched
    this.#measuredAt = watched.since - measureEvery
    this.#toldAt = watched.since - loadEvery
  }

  onStatus(status: LinkStatus): Effect.Effect<void> {
    const { self, start } = this.#watched
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (status._tag === "down") {
        const { error, retrying } = status
        const reason = `${error.reason}: ${error.message}`
        if (this.#downSince === undefined) this.#losses.noted(now, reason)
        this.#downSince ??= now
        const millis = now - this.#downSince
        const down = { _tag: "LinkDown" as const, start, retrying }
        return this.#losses.isUnsteady(now)
          ? self.report({ ...down, millis: Math.max(linkUnhealthy, millis), reason: this.#losses.words })
          : self.report({ ...down, millis, reason })
      }
      if (status._tag !== "connected" || this.#downSince === undefined) return Effect.void
      this.#downSince = undefined
      this.#unsaid = status.hello
      return this.#sayReady(now)
    })
  }

  /**
   * Reports the gateway as ready or sound. A gateway whose link is flapping is not reported as ready until a link
   * lasts.
   */
  #sayReady(now: number): Effect.Effect<void> {
    const { self, start } = this.#watched
    if (this.#losses.isUnsteady(now)) return self.report({ _tag: "LinkUnsteady", start, reason: this.#losses.words })
    if (this.#unsaid === undefined) return self.report({ _tag: "Sound", start })
    const { bootId, version } = this.#unsaid
    this.#unsaid = undefined
    return self.report({ _tag: "Ready", start, bootId, version })
  }

  readonly pause: Effect.Effect<void> = Effect.suspend(() =>
    Effect.flatMap(this.#watched.self.state, ({ record }) => Effect.sleep(checkEveryOf(record?.spec.supervision)))
  )

  readonly check: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { driver, link, ref, self, start } = this.#watched
    const status = yield* link.status
    if (this.#downSince !== undefined || status._tag === "down") yield* this.onStatus(status)
    const probe = yield* Effect.timeoutOption(driver.probe(ref), probeLimit)
    const { detail, live, started } = Option.getOrElse(probe, () => ({
      live: false,
      started: false,
      detail: "no answer in time"
    }))
    if (live) this.#failedProbes = 0
    else this.#failedProbes += 1
    if (!live || !started) {
      const times = Math.max(1, this.#failedProbes)
      yield* self.report({ _tag: "ProbeFailed", start, times, detail: detail ?? "not started" })
    } else if (this.#downSince === undefined) yield* this.#sayReady(yield* Clock.currentTimeMillis)
    yield* this.#report
  })

  /** Stores the load when it has changed, and otherwise every `loadEvery`. */
  get #report(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { board, self, start } = this.#watched
      const now = yield* Clock.currentTimeMillis
      const onSlots = board.attempts.runs.size
      const running = HashMap.size((yield* self.state).runs) + onSlots
      if (now - this.#measuredAt >= measureEvery) {
        yield* this.#measure
        this.#measuredAt = now
      }
      const isSame = running === this.#runsTold && isAlike(this.#metricsTold, this.#metrics)
      if (isSame && now - this.#toldAt < loadEvery) return
      this.#runsTold = running
      this.#metricsTold = this.#metrics
      this.#toldAt = now
      const latency = board.latencyMillis === undefined ? {} : { latencyMillis: board.latencyMillis }
      yield* self.report({ _tag: "Heartbeat", start, ...this.#metrics, ...latency, onSlots })
    })
  }

  get #measure(): Effect.Effect<void> {
    const { driver, link, ref } = this.#watched
    return Effect.gen({ self: this }, function* () {
      const system = yield* Effect.option(Effect.timeout(link.system, probeLimit))
      const lanes = yield* Effect.option(Effect.timeout(link.lanes, probeLimit))
      const process = yield* Effect.option(Effect.timeout(driver.metrics(ref), probeLimit))
      const cpu = Option.getOrUndefined(system)?.cpu ?? Option.getOrUndefined(process)?.cpu
      const memoryBytes = Option.getOrUndefined(system)?.rssBytes ?? Option.getOrUndefined(process)?.rssBytes
      this.#metrics = {
        queuedTasks: Option.match(lanes, {
          onNone: () => 0,
          onSome: (all) => all.reduce((sum, { queued }) => sum + queued, 0)
        }),
        ...(cpu === undefined ? {} : { cpu }),
        ...(memoryBytes === undefined ? {} : { memoryBytes })
      }
    })
  }
}
