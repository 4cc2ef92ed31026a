/** The answers of the last commands, so that a repeated request id costs no look-up. Bounded; older ones are in the journal. */
import type { EncodedAnswer, RecordedAnswer } from "./Journal.ts"

export class Answered {
  readonly #answers = new Map<string, RecordedAnswer>()
  readonly #limit: number
  #complete: boolean

  constructor(limit: number, complete: boolean) {
    this.#limit = limit
    this.#complete = complete
  }

  get(requestId: string): RecordedAnswer | undefined {
    return this.#answers.get(requestId)
  }

  /** Whether a request id that is not here may still be in the journal. */
  get mayHaveForgotten(): boolean {
    return !this.#complete
  }

  add(requestId: string, payloadHash: string | null, answer: EncodedAnswer): void {
    this.#answers.set(requestId, { requestId, payloadHash, answer })
    if (this.#answers.size > this.#limit) {
      this.#answers.delete(this.#answers.keys().next().value!)
      this.#complete = false
    }
  }
}
