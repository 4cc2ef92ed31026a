/**
 * What is committed from now on, handed to everyone of this process who follows: one reader of the feed for all. A subscriber that falls `capacity`
 * entries behind is let go with `Lagged`; what it has not taken by then is contiguous, and it can read on from its position.
 */
import { Cause, Effect, Queue, type Scope } from "effect"
import type { Cursor, FeedEvent } from "../../schema/Feed.ts"
import { entriesOf, type Entry } from "./Position.ts"

export interface Lagged {
  readonly _tag: "Lagged"
}
const lagged: Lagged = { _tag: "Lagged" }

export interface Subscription {
  /** Everything up to here was committed before; the queue has what came after. */
  readonly position: Cursor
  readonly entries: Queue.Dequeue<Entry, Lagged>
  readonly hasLagged: () => boolean
  readonly close: Effect.Effect<void>
}

/** What ends a wait: the task or the turn that an event is about. */
const wakeKeyOf = ({ payload, tenantId, type }: FeedEvent): string | undefined => {
  switch (type) {
    case "task.completed":
    case "task.failed":
    case "task.cancelled":
    case "task.dead_lettered":
      return taskKey(String(tenantId), String(payload["taskId"]))
    case "session.turn_completed":
    case "session.turn_failed":
    case "session.turn_aborted":
      return turnKey(String(tenantId), String(payload["sessionId"]), String(payload["turnId"]))
    default:
      return undefined
  }
}

export const taskKey = (tenantId: string, taskId: string): string => `task/${tenantId}/${taskId}`
export const turnKey = (tenantId: string, sessionId: string, turnId: string): string =>
  `turn/${tenantId}/${sessionId}/${turnId}`

export class Broadcast {
  #position: Cursor
  #published = 0
  readonly #subscribers = new Set<Queue.Queue<Entry, Lagged>>()
  readonly #sleepers = new Map<string, Set<Queue.Queue<void>>>()

  constructor(position: Cursor) {
    this.#position = position
  }

  get position(): Cursor {
    return this.#position
  }

  /** Grows with every event. */
  get published(): number {
    return this.#published
  }

  publish(events: ReadonlyArray<FeedEvent>): void {
    for (const entry of entriesOf(events)) {
      this.#position = entry[0].cursor
      this.#published += entry.length
      for (const queue of this.#subscribers) this.#offer(queue, entry)
      for (const event of entry) this.#wake(event)
    }
  }

  /** The caller closes it. */
  subscribe(capacity: number): Effect.Effect<Subscription> {
    return Effect.map(Queue.dropping<Entry, Lagged>(capacity), (queue) => {
      this.#subscribers.add(queue)
      return {
        position: this.#position,
        entries: queue,
        hasLagged: () => !this.#subscribers.has(queue),
        close: Effect.suspend(() => {
          this.#subscribers.delete(queue)
          return Queue.shutdown(queue)
        })
      }
    })
  }

  /** An element after each event that ends the wait named by `key`. */
  wakeups(key: string): Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope> {
    const acquire = Effect.map(Queue.sliding<void>(1), (queue) => {
      const sleepers = this.#sleepers.get(key) ?? new Set()
      this.#sleepers.set(key, sleepers.add(queue))
      return queue
    })
    return Effect.acquireRelease(acquire, (queue) =>
      Effect.sync(() => {
        const sleepers = this.#sleepers.get(key)
        sleepers?.delete(queue)
        if (sleepers?.size === 0) this.#sleepers.delete(key)
      })
    )
  }

  #offer(queue: Queue.Queue<Entry, Lagged>, entry: Entry): void {
    if (Queue.offerUnsafe(queue, entry)) return
    this.#subscribers.delete(queue)
    Queue.failCauseUnsafe(queue, Cause.fail(lagged))
  }

  #wake(event: FeedEvent): void {
    const key = wakeKeyOf(event)
    const sleepers = key === undefined ? undefined : this.#sleepers.get(key)
    for (const queue of sleepers ?? []) Queue.offerUnsafe(queue, undefined)
  }
}
