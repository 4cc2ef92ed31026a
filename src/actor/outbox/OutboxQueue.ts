/**
 * The pending messages of one actor to one receiver, in order. Only the first ones are held in memory, because a
 * receiver that is unreachable for long would fill it. The others stay in the store, where they are committed, and are
 * read again once the held ones have been delivered.
 */
import { Effect } from "effect"
import type { ActorAddress, Journal, OutboxMessage, StoreUnavailable } from "../Journal.ts"
import { fitting, weightOf } from "../state/Weight.ts"

interface Held {
  readonly message: OutboxMessage
  readonly weight: number
}

/** Limits of one delivery, well below what one message between runners can carry. A single message may be heavier. */
const aDelivery = { count: 256, weight: 2 * 1024 * 1024 }
/** Limits of what is held in memory for one receiver: no further message is held once either is reached. */
export const heldMost = 4 * aDelivery.count
export const heldWeight = 4 * aDelivery.weight

type Place = Pick<OutboxMessage, "seq" | "ordinal">

export class OutboxQueue {
  /** True when the next delivery may repeat messages: after a takeover, and after a failed attempt. */
  again: boolean
  readonly target: { readonly entityType: string; readonly entityId: string }
  readonly #held: Array<Held> = []
  #weight = 0
  /** Messages after this one are in the store only. Undefined when all are held. */
  #readAfter: Place | undefined
  /** A message has come since the last read of the store and is not held. */
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

  /** Messages of the next delivery. */
  next(): ReadonlyArray<OutboxMessage> {
    const count = fitting(this.#held, ({ weight }) => weight, aDelivery)
    return this.#held.slice(0, count).map(({ message }) => message)
  }

  delivered(count: number): void {
    for (const { weight } of this.#held.splice(0, count)) this.#weight -= weight
  }

  /** Reads the next messages from the store when none is held and more are stored. */
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
