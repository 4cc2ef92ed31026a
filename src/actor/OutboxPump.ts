/**
 * Relays the messages of one actor, each until its receiver has committed it. One delivery at a time to one receiver, so that order holds; many
 * messages a delivery, so that it is quick. It lives and dies with the actor; what is left is relayed by the next owner.
 */
import { Effect, Schedule } from "effect"
import * as ActorMetrics from "../observability/ActorMetrics.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { ActorAddress, Journal, OutboxMessage } from "./Journal.ts"
import { fitting, weightOf } from "./Weight.ts"

export type DeliverTo = (
  target: { readonly entityType: string; readonly entityId: string },
  messages: ReadonlyArray<OutboxMessage>,
  again: boolean
) => Effect.Effect<void, ActorUnavailable>

/** Well below what one message between runners can carry; a single message may be heavier. */
const aDelivery = { count: 256, weight: 2 * 1024 * 1024 }

/** Tries for ever, since an undelivered message is a promise: from 50 ms between tries up to 5 s. */
const patience = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

interface Queue {
  readonly messages: Array<OutboxMessage>
  again: boolean
}

export class OutboxPump {
  #queues: Map<string, Queue> | undefined
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
        queue.messages.push(message)
        continue
      }
      queues.set(key, { messages: [message], again })
      started.push(this.#relay(key, { entityType: message.targetType, entityId: message.targetId }))
    }
    const [first = Effect.void, ...others] = started
    return [Effect.andThen(this.#count(messages.length), first), ...others]
  }

  #count(change: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#counted += change
      return ActorMetrics.outboxChanged(change)
    })
  }

  #relay(key: string, target: { readonly entityType: string; readonly entityId: string }): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const queue = this.#queues!.get(key)!
      while (queue.messages.length > 0) {
        const batch = queue.messages.slice(0, fitting(queue.messages, ({ payload }) => weightOf(payload), aDelivery))
        yield* Effect.suspend(() => this.#deliver(target, batch, queue.again)).pipe(
          Effect.tapError(() => Effect.sync(() => (queue.again = true))),
          Effect.retry(patience),
          Effect.orDie
        )
        queue.again = false
        queue.messages.splice(0, batch.length)
        yield* this.#count(-batch.length)
        yield* this.#journal.acknowledge(this.#address, batch)
      }
      this.#queues!.delete(key)
      if (this.#queues!.size === 0) this.#queues = undefined
      if (!this.busy) this.#onIdle()
    }).pipe(Effect.onInterrupt(() => this.#count(-this.#counted)))
  }
}
