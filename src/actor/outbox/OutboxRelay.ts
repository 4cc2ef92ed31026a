/**
 * Relays the messages of one activation, each until its receiver has committed it. At most one delivery per receiver is
 * in flight, which keeps the order; a delivery carries many messages, for throughput. The relay ends with the
 * activation, and the next owner relays what is left.
 */
import { Cause, Effect, Schedule } from "effect"
import * as ActorMetrics from "../../observability/metrics/ActorMetrics.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { ActorAddress, Journal, OutboxMessage, Piece, StoreUnavailable } from "../Journal.ts"
import { unavailable } from "../commit/CommandBatch.ts"
import { OutboxQueue } from "./OutboxQueue.ts"

export type DeliverTo = (
  target: { readonly entityType: string; readonly entityId: string },
  messages: ReadonlyArray<OutboxMessage>,
  again: boolean
) => Effect.Effect<void, ActorUnavailable>

/** One delivery: 15 s at most, and whatever keeps it from success is `ActorUnavailable`. */
export const withinLimit = <A, R>(delivery: Effect.Effect<A, unknown, R>): Effect.Effect<A, ActorUnavailable, R> =>
  delivery.pipe(
    Effect.timeout("15 seconds"),
    Effect.catchCause((cause) => {
      const error = Cause.squash(cause)
      const because = error instanceof Error ? error.message : String(error)
      return Effect.fail(unavailable("TimedOut", `not delivered: ${because}`))
    })
  )

/**
 * Retries for ever, because a committed message must be delivered: exponential backoff from 50 ms to 5 s, with jitter.
 */
const patience = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

export class OutboxRelay {
  #queues: Map<string, OutboxQueue> | undefined
  /** This activation's share of the backlog metric. */
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

  /** Queues the messages. Returns the relays to run; the caller forks each of them. */
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
   * Queues the messages that an earlier activation has left in the store, of which `first` has been read. It reads page
   * by page, so that memory holds only what each receiver's queue holds. No relay runs meanwhile, so none reads
   * messages that are still to be queued.
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
