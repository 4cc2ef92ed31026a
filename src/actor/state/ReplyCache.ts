/**
 * The request ids of the latest commands, with their replies up to a total weight. A reply that is not cached is in the
 * journal, and is looked up when its request is repeated. An evicted id is looked up too when the request is marked as
 * a possible repeat; a repeat that is not marked is refused by the journal's unique request ids.
 */
import type { EncodedAnswer, RecordedAnswer } from "../Journal.ts"
import { weightOf } from "./Weight.ts"

export interface AnswersKept {
  /** Maximum number of request ids. */
  readonly number: number
  /** Maximum total weight of the replies, roughly in bytes. The latest is kept whatever its weight. */
  readonly weight: number
}

interface KeptAnswer {
  readonly recorded: RecordedAnswer
  readonly weight: number
}

export class ReplyCache {
  readonly #kept: AnswersKept
  readonly #ids = new Set<string>()
  /** In the order of `#ids`. Created by the first write: an actor that was only loaded has none. */
  #answers: Map<string, KeptAnswer> | undefined
  #weight = 0
  #complete: boolean

  /** `complete`: a request id that was never added is certainly new. */
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

  /** True when the journal may have a reply that is not cached. `mayRepeat`: the request may be a repeat. */
  mustLookUp(requestId: string, mayRepeat: boolean): boolean {
    return this.#ids.has(requestId) ? this.get(requestId) === undefined : mayRepeat && !this.#complete
  }

  /** Adds a request id whose reply is in the journal. */
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
