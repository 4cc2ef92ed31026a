/**
 * What one actor has to tell one receiver and has not heard of, in order. It is in memory only, so it holds no more
 * than the actor's state asks for: what the state no longer wants told is left out.
 */
import type { ActorRef } from "../../schema/ActorRef.ts"
import type { Outgoing } from "../Actor.ts"
import type { ToldMessage } from "../runtime/Mailbox.ts"
import { fitting, weightOf } from "../state/Weight.ts"

interface Held {
  readonly message: Outgoing
  /** The message as it is sent: encoded when it is sent first. */
  encoded: ToldMessage | undefined
}

/** Limits of one delivery, as of messages that are stored (OutboxQueue.ts). */
const aDelivery = { count: 256, weight: 2 * 1024 * 1024 }
/** Maximum messages held for one receiver; more than the most that any state wants told at once. */
export const toldMost = 16_384

const encoded = (held: Held): ToldMessage => {
  const { encode, payload, tag } = held.message
  return (held.encoded ??= { tag, payload: encode(payload) })
}

export class ToldQueue {
  readonly target: ActorRef
  #held: Array<Held> = []

  constructor({ entityId, entityType }: Outgoing) {
    this.target = { entityType, entityId }
  }

  get size(): number {
    return this.#held.length
  }

  /** False: the queue is full, and the message is not held. */
  offer(message: Outgoing): boolean {
    if (this.#held.length >= toldMost) return false
    this.#held.push({ message, encoded: undefined })
    return true
  }

  /** The messages of the next delivery, of those that the state still wants told; the others are dropped. */
  next(state: unknown): ReadonlyArray<ToldMessage> {
    this.#held = this.#held.filter(({ message }) => message.told!.isWanted(state))
    const count = fitting(this.#held, (held) => weightOf(encoded(held).payload), aDelivery)
    return this.#held.slice(0, count).map(encoded)
  }

  heard(count: number): void {
    for (const { message } of this.#held.splice(0, count)) message.told!.onHeard?.()
  }
}
