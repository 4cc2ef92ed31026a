/** Keeps an actor resident while something is under way, by an unanswered call to itself. */
import { Effect, Latch } from "effect"

export class Hold {
  readonly #call: Effect.Effect<void>
  #idle = Latch.makeUnsafe(true)
  #held = false

  constructor(call: Effect.Effect<void>) {
    this.#call = call
  }

  readonly released: Effect.Effect<void> = Effect.suspend(() => this.#idle.await)

  /** Undefined: nothing to do. Else the call to fork. */
  settle(busy: boolean): Effect.Effect<void> | undefined {
    if (!busy) {
      this.#idle.openUnsafe()
      return undefined
    }
    if (this.#held) return undefined
    this.#held = true
    this.#idle = Latch.makeUnsafe(false)
    return Effect.ensuring(Effect.ignoreCause(this.#call), Effect.sync(() => (this.#held = false)))
  }
}
