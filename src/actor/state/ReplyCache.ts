/**
 * The ids of the last commands, and their answers while these weigh little. An answer that is not here is in the
 * journal, and is looked up when its request comes again. So is one whose id fell out, if the request may have come
 * before; the unique request ids there refuse one that comes twice without saying so.
 */
import type { EncodedAnswer, RecordedAnswer } from "../Journal.ts"
import { weightOf } from "./Weight.ts"

export interface AnswersKept {
  /** Ids. */
  readonly number: number
  /** Bytes of answers, roughly. The last one is kept whatever its weight. */
  readonly weight: number
}

interface KeptAnswer {
  readonly recorded: RecordedAnswer
  readonly weight: number
}

export class ReplyCache {
  readonly #kept: AnswersKept
  readonly #ids = new Set<string>()
  /** In the same order. Made when it is first written to: an actor that was only loaded has none. */
  #answers: Map<string, KeptAnswer> | undefined
  #weight = 0
  #complete: boolean

  /** `complete`: an id that is never added is new for sure. */
  constructor(kept: AnswersKept, complete: boolean) {
    this.#kept = kept
    this.#complete = complete
  }

  has(requestId: string): boolean {
    return this.#ids.has(requestId)
  }

  get(requestId: string): RecordedAnswer | undefined {
    return this.#answers?.get(requestId)?.recorded
  }

  /** Whether the journal may have an answer that is not here. `mayRepeat`: the request may have come before. */
  mustLookUp(requestId: string, mayRepeat: boolean): boolean {
    return this.#ids.has(requestId) ? this.get(requestId) === undefined : mayRepeat && !this.#complete
  }

  /** An id whose answer is in the journal. */
  note(requestId: string): void {
    this.#ids.add(requestId)
    if (this.#ids.size <= this.#kept.number) return
    const oldest = this.#ids.values().next().value!
    this.#ids.delete(oldest)
    this.#drop(oldest)
    this.#complete = false
  }

  add(requestId: string, payloadHash: string | null, answer: EncodedAnswer): void {
    const recorded = { requestId, payloadHash, answer }
    const weight = weightOf(recorded)
    this.#answers ??= new Map()
    this.#answers.set(requestId, { recorded, weight })
    this.#weight += weight
    this.note(requestId)
    while (this.#weight > this.#kept.weight && this.#answers.size > 1) this.#drop(this.#answers.keys().next().value!)
  }

  #drop(requestId: string): void {
    const found = this.#answers?.get(requestId)
    if (found === undefined) return
    this.#answers!.delete(requestId)
    this.#weight -= found.weight
  }
}
