/** Keeps an actor resident while something is under way, by an unanswered call to itself. */
import { Effect, Latch } from "effect"

export class Hold {
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

  /** Undefined: nothing to do. Else the call to fork. */
  settle(busy: boolean): Effect.Effect<void> | undefined {
    if (!busy) {
      this.#idle?.openUnsafe()
      this.#idle = undefined
      return undefined
    }
    if (this.#held) return undefined
    this.#held = true
    this.#idle ??= Latch.makeUnsafe(false)
    return Effect.ensuring(Effect.ignoreCause(this.#call), Effect.sync(() => (this.#held = false)))
  }
}
