/** Keeps an actor resident while something is under way, by an unanswered call to itself. */
import { Effect, Latch, Schedule } from "effect"

export class KeepAlive {
  readonly #call: Effect.Effect<void>
  /** Undefined: nothing is under way. */
  #idle: Latch.Latch | undefined
  #held = false

  constructor(call: Effect.Effect<void>) {
    this.#call = call
  }

  get released(): Effect.Effect<void> {
    return Effect.suspend(() => this.#idle?.await ?? Effect.void)
  }

  /**
   * Undefined: nothing to do. Else the call to fork: made again when it has ended, or failed, while something is under
   * way again.
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
