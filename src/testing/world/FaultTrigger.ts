/**
 * Whether a condition that holds by chance strikes. The first that it meets is struck for sure: in a quiet moment there
 * may be few others.
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
