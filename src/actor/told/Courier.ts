/**
 * Tells the receivers of one activation what its commits ask to be told, each until it has heard it. Nothing of it is
 * stored: it ends with the activation, and the next one tells again what its state wants told (`retells`). At most one
 * delivery per receiver is in flight, which keeps the order; what is asked meanwhile goes with the next one.
 */
import { Effect, Schedule } from "effect"
import type { ActorRef } from "../../schema/ActorRef.ts"
import type { ActorUnavailable } from "../../schema/Errors.ts"
import type { Outgoing } from "../Actor.ts"
import type { ToldMessage } from "../runtime/Mailbox.ts"
import { ToldQueue } from "./ToldQueue.ts"

export type TellTo = (target: ActorRef, messages: ReadonlyArray<ToldMessage>) => Effect.Effect<void, ActorUnavailable>

/** Retries for as long as the state wants it told: exponential backoff from 50 ms to 5 s, with jitter. */
const patience = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

export class Courier {
  #queues: Map<string, ToldQueue> | undefined
  readonly #tell: TellTo
  readonly #state: () => unknown
  readonly #onIdle: () => void

  /** `state`: as of the last commit. */
  constructor(tell: TellTo, state: () => unknown, onIdle: () => void) {
    this.#tell = tell
    this.#state = state
    this.#onIdle = onIdle
  }

  get busy(): boolean {
    return this.#queues !== undefined
  }

  /** Queues the messages. Returns the deliveries to run; the caller forks each of them. */
  offer(messages: ReadonlyArray<Outgoing>): ReadonlyArray<Effect.Effect<void>> {
    if (messages.length === 0) return []
    const started: Array<Effect.Effect<void>> = []
    const queues = (this.#queues ??= new Map<string, ToldQueue>())
    let lost = 0
    for (const message of messages) {
      const key = `${message.entityType}/${message.entityId}`
      let queue = queues.get(key)
      if (queue === undefined) {
        queues.set(key, (queue = new ToldQueue(message)))
        started.push(this.#carry(key, queue))
      }
      if (!queue.offer(message)) lost++
    }
    return lost === 0
      ? started
      : [...started, Effect.logError(`${lost} messages to be told are given up: too many wait`)]
  }

  #carry(key: string, queue: ToldQueue): Effect.Effect<void> {
    const deliver = Effect.suspend(() => {
      const batch = queue.next(this.#state())
      if (batch.length === 0) return Effect.void
      return Effect.map(this.#tell(queue.target, batch), () => queue.heard(batch.length))
    })
    return Effect.gen({ self: this }, function* () {
      while (queue.size > 0) yield* Effect.orDie(Effect.retry(deliver, patience))
      this.#queues!.delete(key)
      if (this.#queues!.size === 0) this.#queues = undefined
      if (!this.busy) this.#onIdle()
    })
  }
}
