/**
 * The messages of one actor to one receiver, in order. A receiver that is away for long would fill the memory: only the first ones are held, the others stay
 * in the store, where they are committed, and are read again when these have been delivered.
 */
import { Effect } from "effect"
import type { ActorAddress, Journal, OutboxMessage, StoreUnavailable } from "./Journal.ts"
import { fitting, weightOf } from "./Weight.ts"

/** Well below what one message between runners can carry; a single message may be heavier. */
const aDelivery = { count: 256, weight: 2 * 1024 * 1024 }
/** Held in memory for one receiver. */
export const heldMost = 4 * aDelivery.count

type Place = Pick<OutboxMessage, "seq" | "ordinal">

export class OutboxQueue {
  /** The first delivery may repeat one that an earlier owner made. */
  again: boolean
  readonly target: { readonly entityType: string; readonly entityId: string }
  readonly #held: Array<OutboxMessage> = []
  /** What lies behind it is not held. Undefined: all is. */
  #readAfter: Place | undefined
  /** A message came that is not held since the store was read last. */
  #cameSince = false

  constructor(first: OutboxMessage, again: boolean) {
    this.target = { entityType: first.targetType, entityId: first.targetId }
    this.again = again
    this.#held.push(first)
  }

  get isEmpty(): boolean {
    return this.#held.length === 0 && this.#readAfter === undefined
  }

  offer(message: OutboxMessage): void {
    if (this.#readAfter === undefined && this.#held.length < heldMost) return void this.#held.push(message)
    this.#readAfter ??= this.#held.at(-1)!
    this.#cameSince = true
  }

  /** What the next delivery takes. */
  next(): ReadonlyArray<OutboxMessage> {
    return this.#held.slice(
      0,
      fitting(this.#held, ({ payload }) => weightOf(payload), aDelivery)
    )
  }

  delivered(count: number): void {
    this.#held.splice(0, count)
  }

  /** Holds what the store has next, when nothing is held any more. */
  refill(journal: Journal["Service"], address: ActorAddress): Effect.Effect<void, StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      while (this.#held.length === 0 && this.#readAfter !== undefined) {
        this.#cameSince = false
        const { items, more } = yield* journal.outboxAfter(address, this.#readAfter)
        for (const message of items) {
          if (this.#held.length >= heldMost) return
          this.#readAfter = message
          if (this.#isMine(message)) this.#held.push(message)
        }
        if (!more && !this.#cameSince) this.#readAfter = undefined
      }
    })
  }

  #isMine({ targetId, targetType }: OutboxMessage): boolean {
    return targetType === this.target.entityType && targetId === this.target.entityId
  }
}
