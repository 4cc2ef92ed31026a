/**
 * The messages of one actor to one receiver, in order. A receiver that is away for long would fill the memory: only the
 * first ones are held, the others stay in the store, where they are committed, and are read again when these have been
 * delivered.
 */
import { Effect } from "effect"
import type { ActorAddress, Journal, OutboxMessage, StoreUnavailable } from "../Journal.ts"
import { fitting, weightOf } from "../state/Weight.ts"

interface Held {
  readonly message: OutboxMessage
  readonly weight: number
}

/** Well below what one message between runners can carry; a single message may be heavier. */
const aDelivery = { count: 256, weight: 2 * 1024 * 1024 }
/** Held in memory for one receiver; one message, however heavy it is. */
export const heldMost = 4 * aDelivery.count
export const heldWeight = 4 * aDelivery.weight

type Place = Pick<OutboxMessage, "seq" | "ordinal">

export class OutboxQueue {
  /** The first delivery may repeat one that an earlier owner made. */
  again: boolean
  readonly target: { readonly entityType: string; readonly entityId: string }
  readonly #held: Array<Held> = []
  #weight = 0
  /** What lies behind it is not held. Undefined: all is. */
  #readAfter: Place | undefined
  /** A message came that is not held since the store was read last. */
  #cameSince = false

  constructor(first: OutboxMessage, again: boolean) {
    this.target = { entityType: first.targetType, entityId: first.targetId }
    this.again = again
    this.#hold(first)
  }

  get isEmpty(): boolean {
    return this.#held.length === 0 && this.#readAfter === undefined
  }

  offer(message: OutboxMessage): void {
    if (this.#readAfter === undefined && !this.#isFull) return this.#hold(message)
    this.#readAfter ??= this.#held.at(-1)!.message
    this.#cameSince = true
  }

  /** What the next delivery takes. */
  next(): ReadonlyArray<OutboxMessage> {
    const count = fitting(this.#held, ({ weight }) => weight, aDelivery)
    return this.#held.slice(0, count).map(({ message }) => message)
  }

  delivered(count: number): void {
    for (const { weight } of this.#held.splice(0, count)) this.#weight -= weight
  }

  /** Holds what the store has next, when nothing is held any more. */
  refill(journal: Journal["Service"], address: ActorAddress): Effect.Effect<void, StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      while (this.#held.length === 0 && this.#readAfter !== undefined) {
        this.#cameSince = false
        const { items, more } = yield* journal.outboxAfter(address, this.#readAfter)
        for (const message of items) {
          if (this.#isFull) return
          this.#readAfter = message
          if (this.#isMine(message)) this.#hold(message)
        }
        if (!more && !this.#cameSince) this.#readAfter = undefined
      }
    })
  }

  get #isFull(): boolean {
    return this.#held.length >= heldMost || this.#weight >= heldWeight
  }

  #hold(message: OutboxMessage): void {
    const weight = weightOf(message.payload)
    this.#held.push({ message, weight })
    this.#weight += weight
  }

  #isMine({ targetId, targetType }: OutboxMessage): boolean {
    return targetType === this.target.entityType && targetId === this.target.entityId
  }
}
