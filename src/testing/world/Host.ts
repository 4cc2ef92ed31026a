/**
 * One simulated process. All of its fibers run on its own scheduler and clock, so that it can be stopped at any point
 * between two steps of a fiber:
 *
 * - frozen (SIGSTOP): none of its fibers runs, even when something resumes them; its clock continues, and so do its
 *   timers,
 * which fire when it thaws.
 * - dead (SIGKILL): nothing of it ever runs again, not even a finalizer.
 *
 * Everything that reaches it from outside (a timer, a packet, a store's reply) comes through `deliver`.
 */
import { Clock, Context, Duration, Effect, type Fiber, Logger, Random, References, Scheduler } from "effect"
import type { Prng } from "./Prng.ts"
import type { Inhabitant, Timer, World } from "./World.ts"

type Task = () => void
type Via = "clock" | "io"

/**
 * The chance that a running fiber must yield early, the steps after which it then yields at the latest, and the limit
 * for every fiber. It is drawn anew each time a fiber runs: the total number of steps differs between the first run in
 * a process and the next, since caches are warm by then.
 */
const giveWayChance = 0.04
const giveWaySteps = 40
const stepsAtMost = 2_048

export class Host implements Scheduler.Scheduler, Inhabitant {
  readonly executionMode = "async" as const
  readonly name: string
  readonly world: World
  readonly context: Context.Context<never>
  status: "running" | "frozen" | "dead" = "running"
  /** Milliseconds added to the host's wall clock. */
  skewMillis = 0
  /** Tasks that wait for the host to thaw. */
  deferred: Array<{ readonly via: Via; readonly task: Task }> = []
  #queues: Array<{ readonly priority: number; readonly tasks: Array<Task> }> = []
  #queued = 0
  readonly #givesWayAfter = new WeakMap<object, number>()
  readonly #random: Prng

  constructor(world: World, name: string, incarnation: number) {
    this.world = world
    this.name = name
    this.#random = world.random.fork(`host/${name}/${incarnation}`)
    this.context = contextOf(this, this.#random.fork("program"))
    world.hosts.push(this)
  }

  get ready(): boolean {
    return this.#queued > 0 && this.status === "running"
  }

  /** Runs the first task of the lowest priority number. */
  step(): void {
    const queue = this.#queues.find(({ tasks }) => tasks.length > 0)!
    this.#queued--
    queue.tasks.shift()!()
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (this.status !== "running") return true
    if (fiber.currentOpCount === 1) {
      if (this.#random.chance(giveWayChance)) this.#givesWayAfter.set(fiber, this.#random.int(2, giveWaySteps))
      else this.#givesWayAfter.delete(fiber)
      return false
    }
    const after = this.#givesWayAfter.get(fiber)
    return (after !== undefined && fiber.currentOpCount >= after) || fiber.currentOpCount >= stepsAtMost
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return { scheduleTask: (task, priority) => this.#schedule(task, priority), flush: () => {} }
  }

  /** Runs a task from outside: now, after the thaw, or never. */
  deliver(via: Via, task: Task): void {
    if (this.status === "running") task()
    else if (this.status === "frozen") this.deferred.push({ via, task })
  }

  timer(millis: number, via: Via, task: Task): Timer {
    return this.world.after(millis, () => this.deliver(via, task))
  }

  run<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  freeze(): void {
    if (this.status === "running") this.status = "frozen"
  }

  /**
   * Resumes the process. Tasks that arrived meanwhile run in an order in which a process would see them: in order of
   * arrival, or first all timers and then all socket events, or the reverse, each in order.
   */
  thaw(): void {
    if (this.status !== "frozen") return
    this.status = "running"
    const { deferred } = this
    this.deferred = []
    const clockFirst = this.#random.chance(0.5)
    const ordered = this.#random.chance(0.3)
      ? deferred
      : [
          ...deferred.filter(({ via }) => (via === "clock") === clockFirst),
          ...deferred.filter(({ via }) => (via === "clock") !== clockFirst)
        ]
    for (const { task } of ordered) this.#schedule(task, 0)
  }

  kill(): void {
    this.status = "dead"
    this.deferred = []
    this.#queues = []
    this.#queued = 0
    const { hosts } = this.world
    const at = hosts.indexOf(this)
    if (at >= 0) hosts.splice(at, 1)
  }

  nowMillis(): number {
    return Math.floor(this.world.epoch + this.world.now + this.skewMillis)
  }

  #schedule(task: Task, priority: number): void {
    if (this.status === "dead") return
    this.#queued++
    const queues = this.#queues
    let at = 0
    while (at < queues.length && queues[at]!.priority < priority) at++
    if (queues[at]?.priority !== priority) queues.splice(at, 0, { priority, tasks: [] })
    queues[at]!.tasks.push(task)
  }
}

const nanosAMilli = 1_000_000

const clockOf = (host: Host, random: Prng): Clock.Clock => {
  const nanos = () => BigInt(host.nowMillis()) * BigInt(nanosAMilli)
  const monotonic = () => BigInt(Math.floor(host.world.now * nanosAMilli))
  return {
    currentTimeMillisUnsafe: () => host.nowMillis(),
    currentTimeMillis: Effect.sync(() => host.nowMillis()),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) => {
      const millis = Duration.toMillis(duration)
      if (millis <= 0) return Effect.yieldNow
      if (!Number.isFinite(millis)) return Effect.never
      return Effect.callback<void>((resume) => {
        const timer = host.timer(millis + random.next(), "clock", () => resume(Effect.void))
        return Effect.sync(timer.cancel)
      })
    }
  }
}

const contextOf = (host: Host, random: Prng): Context.Context<never> => {
  const logger = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    const why = cause.reasons.length === 0 ? "" : `: ${String(cause).split("\n")[0]!.slice(0, 200)}`
    host.world.trace.note(host.world.now, host.name, `${logLevel.toLowerCase()}: ${text}${why}`)
  })
  return Context.empty().pipe(
    Context.add(Scheduler.Scheduler, host),
    Context.add(Clock.Clock, clockOf(host, random)),
    Context.add(Random.Random, {
      nextIntUnsafe: () => random.int(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      nextDoubleUnsafe: () => random.next()
    }),
    Context.add(Logger.CurrentLoggers, new Set([logger])),
    Context.add(References.MinimumLogLevel, "Warn")
  ) as Context.Context<never>
}
