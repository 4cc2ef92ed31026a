/**
 * Decides whether a probabilistic condition affects a packet or a statement. The first one that a condition meets is
 * always affected, because in a quiet period few others may follow.
 */
import type { Prng } from "./Prng.ts"

export class FaultTrigger {
  readonly #random: Prng
  readonly #met = new WeakSet<object>()

  constructor(random: Prng) {
    this.#random = random
  }

  by(condition: object, chance: number): boolean {
    const isFirst = !this.#met.has(condition)
    this.#met.add(condition)
    return isFirst || this.#random.chance(chance)
  }
}
