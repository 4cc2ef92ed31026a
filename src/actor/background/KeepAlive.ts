/** Keeps an actor resident while background work is running, by an unanswered call to itself. */
import { Effect, Latch, Schedule } from "effect"

export class KeepAlive {
  readonly #call: Effect.Effect<void>
  /** Undefined when no background work is running. */
  #idle: Latch.Latch | undefined
  #held = false

  constructor(call: Effect.Effect<void>) {
    this.#call = call
  }

  get released(): Effect.Effect<void> {
    return Effect.suspend(() => this.#idle?.await ?? Effect.void)
  }

  /**
   * Returns the call to fork, or undefined when there is nothing to do. The call is repeated when it has ended or
   * failed while background work is still running.
   */
  settle(busy: boolean): Effect.Effect<void> | undefined {
    if (!busy) {
      const idle = this.#idle
      this.#idle = undefined
      idle?.openUnsafe()
      return undefined
    }
    this.#idle ??= Latch.makeUnsafe(false)
    if (this.#held) return undefined
    this.#held = true
    return Effect.ignoreCause(this.#call).pipe(
      Effect.repeat({ while: () => this.#idle !== undefined, schedule: Schedule.spaced("1 second") }),
      Effect.ensuring(Effect.sync(() => (this.#held = false))),
      Effect.asVoid
    )
  }
}
