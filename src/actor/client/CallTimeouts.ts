/**
 * Timeouts of many calls with one timer. `Effect.timeout` starts two fibers and a timer per call; here a call costs one
 * fiber and an entry, and one fiber sleeps until the earliest deadline.
 */
import { Clock, Context, Effect, Fiber } from "effect"

interface Pending {
  /** Unix milliseconds. */
  readonly at: number
  readonly expire: () => void
}

export class CallTimeouts {
  readonly #pending = new Set<Pending>()
  #sleeper: Fiber.Fiber<void> | undefined
  #sleepsUntil = Infinity

  /** Runs the effect. After `millis` milliseconds it is interrupted, and the result is `onTimeout`. */
  within<A, E, E2>(
    effect: Effect.Effect<A, E>,
    millis: number,
    onTimeout: Effect.Effect<never, E2>
  ): Effect.Effect<A, E | E2> {
    return Effect.contextWith((context: Context.Context<never>) =>
      Effect.callback<A, E | E2>((resume) => {
        const fiber = Effect.runForkWith(context)(effect)
        const done = fiber.pollUnsafe()
        if (done !== undefined) return resume(done)
        const disarm = this.arm(millis, context, () => {
          resume(onTimeout)
          fiber.interruptUnsafe()
        })
        fiber.addObserver((exit) => {
          disarm()
          resume(exit)
        })
        return Fiber.interrupt(fiber)
      })
    )
  }

  /** Calls `expire` after `millis` milliseconds, unless the returned function is called first to cancel it. */
  arm(millis: number, context: Context.Context<never>, expire: () => void): () => void {
    const clock = Context.get(context, Clock.Clock)
    const entry: Pending = { at: clock.currentTimeMillisUnsafe() + millis, expire }
    this.#add(entry, clock, context)
    return () => this.#remove(entry)
  }

  #add(entry: Pending, clock: Clock.Clock, context: Context.Context<never>): void {
    this.#pending.add(entry)
    if (entry.at < this.#sleepsUntil) this.#sleep(entry.at, clock, context)
  }

  #remove(entry: Pending): void {
    if (this.#pending.delete(entry) && this.#pending.size === 0) this.#rest()
  }

  /** Stops the sleeping fiber once no call is pending: its timer would keep the process alive. */
  #rest(): void {
    this.#sleeper?.interruptUnsafe()
    this.#sleeper = undefined
    this.#sleepsUntil = Infinity
  }

  #sleep(until: number, clock: Clock.Clock, context: Context.Context<never>): void {
    this.#rest()
    this.#sleepsUntil = until
    const due = Effect.sync(() => this.#expire(clock, context))
    const wait = Math.max(1, until - clock.currentTimeMillisUnsafe())
    this.#sleeper = Effect.runForkWith(context)(Effect.delay(due, wait))
  }

  #expire(clock: Clock.Clock, context: Context.Context<never>): void {
    this.#sleeper = undefined
    this.#sleepsUntil = Infinity
    const now = clock.currentTimeMillisUnsafe()
    let next = Infinity
    for (const entry of this.#pending) {
      if (entry.at > now) {
        next = Math.min(next, entry.at)
        continue
      }
      this.#pending.delete(entry)
      entry.expire()
    }
    if (next < Infinity) this.#sleep(next, clock, context)
  }
}
