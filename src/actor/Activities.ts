/**
 * The side effects an actor has under way, kept equal to what its state wants. An activity that dies is tried again, from 1 s between tries up to 30 s,
 * for as long as it is wanted; one that ends is not started again until its key has gone and come back.
 */
import { Effect, Exit, Fiber, Schedule, type Scope } from "effect"

interface Activity {
  readonly key: string
}

const restarts = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(Schedule.jittered)

const none = new Map<string, Fiber.Fiber<void>>()

export class Activities<A extends Activity> {
  /** Replaced when it is first written to: most actors never have an activity. */
  #running: Map<string, Fiber.Fiber<void>> = none
  readonly #scope: Scope.Scope
  readonly #perform: (activity: A) => Effect.Effect<void>

  constructor(scope: Scope.Scope, perform: (activity: A) => Effect.Effect<void>) {
    this.#scope = scope
    this.#perform = perform
  }

  get busy(): boolean {
    return this.#running.size > 0
  }

  sync(wanted: ReadonlyArray<A>): Effect.Effect<void> {
    if (wanted.length === 0 && this.#running.size === 0) return Effect.void
    return Effect.gen({ self: this }, function*() {
      if (this.#running === none) this.#running = new Map()
      const keys = new Set(wanted.map((activity) => activity.key))
      for (const [key, fiber] of this.#running) {
        if (keys.has(key)) continue
        this.#running.delete(key)
        yield* Effect.forkIn(Fiber.interrupt(fiber), this.#scope)
      }
      for (const activity of wanted) {
        if (this.#running.has(activity.key)) continue
        this.#running.set(activity.key, yield* Effect.forkIn(this.#supervise(activity), this.#scope))
      }
    })
  }

  /** Ends all, and waits until they have. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fibers = [...this.#running.values()]
      this.#running.clear()
      return Fiber.interruptAll(fibers)
    })
  }

  #supervise(activity: A): Effect.Effect<void> {
    return Effect.suspend(() => this.#perform(activity)).pipe(
      Effect.sandbox,
      Effect.tapError((cause) => Effect.logError("An activity failed; it is tried again", cause)),
      Effect.retry({ schedule: restarts, while: (cause) => !Exit.hasInterrupts(Exit.failCause(cause)) }),
      Effect.annotateLogs({ activity: activity.key }),
      Effect.ignore
    )
  }
}
