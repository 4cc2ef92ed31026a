/**
 * Keeps the running side effects of an actor equal to what its state wants. An activity that dies is restarted while it
 * is wanted, with exponential backoff from 1 s up to 30 s. One that returns is not started again until its key has been
 * removed and has come back.
 */
import { Cause, Effect, Fiber, Schedule } from "effect"

interface Activity {
  readonly key: string
}

const restarts = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(Schedule.jittered)

/**
 * Restarts what has failed with `first`. Most activities never fail, and there is one for each run: what a retry needs
 * is made by the first failure, which the schedule counts as its first attempt.
 */
const restarted = (
  performed: Effect.Effect<void, Cause.Cause<never>>,
  first: Cause.Cause<never>
): Effect.Effect<void, Cause.Cause<never>> => {
  let failed: Cause.Cause<never> | undefined = first
  const attempt = Effect.suspend(() => {
    const cause = failed
    failed = undefined
    return cause === undefined ? performed : Effect.fail(cause)
  })
  return Effect.retry(attempt, { schedule: restarts, while: (cause) => !Cause.hasInterrupts(cause) })
}

export class Activities<A extends Activity> {
  readonly #running = new Map<string, Fiber.Fiber<void>>()
  readonly #perform: (activity: A) => Effect.Effect<void>
  readonly #fork: (effect: Effect.Effect<void>) => Effect.Effect<Fiber.Fiber<void>>

  /** `fork` starts a fiber that ends with the actor at the latest. */
  constructor(
    perform: (activity: A) => Effect.Effect<void>,
    fork: (effect: Effect.Effect<void>) => Effect.Effect<Fiber.Fiber<void>>
  ) {
    this.#perform = perform
    this.#fork = fork
  }

  get busy(): boolean {
    return this.#running.size > 0
  }

  /**
   * Starts the missing activities and interrupts those that are no longer wanted. It does not wait for an interrupted
   * one to end.
   */
  sync(wanted: ReadonlyArray<A>): Effect.Effect<void> {
    if (wanted.length === 0 && this.#running.size === 0) return Effect.void
    return Effect.gen({ self: this }, function* () {
      const keys = new Set(wanted.map((activity) => activity.key))
      for (const [key, fiber] of this.#running) {
        if (keys.has(key)) continue
        this.#running.delete(key)
        if (fiber.pollUnsafe() === undefined) yield* this.#fork(Fiber.interrupt(fiber))
      }
      for (const activity of wanted) {
        if (this.#running.has(activity.key)) continue
        this.#running.set(activity.key, yield* this.#fork(this.#supervise(activity)))
      }
    })
  }

  #supervise(activity: A): Effect.Effect<void> {
    const performed = Effect.suspend(() => this.#perform(activity)).pipe(
      Effect.sandbox,
      Effect.tapError((cause) => Effect.logError("An activity failed; it is tried again", cause))
    )
    return Effect.catch(performed, (cause) => restarted(performed, cause)).pipe(
      Effect.annotateLogs({ activity: activity.key }),
      Effect.ignore
    )
  }
}
