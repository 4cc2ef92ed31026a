/**
 * Relays the messages of one actor, each until its receiver has committed it. One delivery at a time to one receiver,
 * so that order holds; many messages a delivery, so that it is quick. It lives and dies with the actor; what is left is
 * relayed by the next owner.
 */
import { Effect, Schedule } from "effect"
import * as ActorMetrics from "../../observability/metrics/ActorMetrics.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { ActorAddress, Journal, OutboxMessage, Piece, StoreUnavailable } from "../Journal.ts"
import { OutboxQueue } from "./OutboxQueue.ts"

export type DeliverTo = (
  target: { readonly entityType: string; readonly entityId: string },
  messages: ReadonlyArray<OutboxMessage>,
  again: boolean
) => Effect.Effect<void, ActorUnavailable>

/** Tries for ever, since an undelivered message is a promise: from 50 ms between tries up to 5 s. */
const patience = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

export class OutboxRelay {
  #queues: Map<string, OutboxQueue> | undefined
  /** Messages of this actor that the backlog has in it. */
  #counted = 0
  readonly #address: ActorAddress
  readonly #journal: Journal["Service"]
  readonly #deliver: DeliverTo
  readonly #onIdle: () => void

  constructor(address: ActorAddress, journal: Journal["Service"], deliver: DeliverTo, onIdle: () => void) {
    this.#address = address
    this.#journal = journal
    this.#deliver = deliver
    this.#onIdle = onIdle
  }

  get busy(): boolean {
    return this.#queues !== undefined
  }

  /** What is to run; the caller forks each in the actor's scope. */
  offer(messages: ReadonlyArray<OutboxMessage>, again: boolean): Array<Effect.Effect<void>> {
    if (messages.length === 0) return []
    const started: Array<Effect.Effect<void>> = []
    const queues = (this.#queues ??= new Map())
    for (const message of messages) {
      const key = `${message.targetType}/${message.targetId}`
      const queue = queues.get(key)
      if (queue !== undefined) {
        queue.offer(message)
        continue
      }
      const made = new OutboxQueue(message, again)
      queues.set(key, made)
      started.push(this.#relay(key, made))
    }
    const [first = Effect.void, ...others] = started
    return [Effect.andThen(this.#count(messages.length), first), ...others]
  }

  /**
   * What an earlier life has left in the store, of which `first` has been read: piece by piece, so that only what each
   * receiver's queue holds is in memory at once. No relay runs meanwhile, so none reads what is still to be offered.
   */
  restore(first: Piece<OutboxMessage>): Effect.Effect<Array<Effect.Effect<void>>, StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const relays = this.offer(first.items, true)
      for (let piece = first; piece.more;) {
        piece = yield* this.#journal.outboxAfter(this.#address, piece.items.at(-1)!)
        relays.push(...this.offer(piece.items, true))
      }
      return relays
    })
  }

  #count(change: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#counted += change
      return ActorMetrics.outboxChanged(change)
    })
  }

  #relay(key: string, queue: OutboxQueue): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (!queue.isEmpty) {
        const batch = queue.next()
        if (batch.length === 0) {
          yield* Effect.orDie(Effect.retry(queue.refill(this.#journal, this.#address), patience))
          continue
        }
        yield* Effect.suspend(() => this.#deliver(queue.target, batch, queue.again)).pipe(
          Effect.tapError(() => Effect.sync(() => (queue.again = true))),
          Effect.retry(patience),
          Effect.orDie
        )
        queue.again = false
        queue.delivered(batch.length)
        yield* this.#count(-batch.length)
        yield* this.#journal.acknowledge(this.#address, batch)
      }
      this.#queues!.delete(key)
      if (this.#queues!.size === 0) this.#queues = undefined
      if (!this.busy) this.#onIdle()
    }).pipe(Effect.onInterrupt(() => this.#count(-this.#counted)))
  }
}
