/**
 * Delivers newly committed entries to all followers of this process, so that the feed is read only once. A subscriber
 * that falls too far behind, in entries or in characters, is dropped with `Lagged`. The entries it has not taken by
 * then are contiguous, so it can continue by reading from its position.
 */
import { Cause, Effect, Queue, type Scope } from "effect"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { isNotice } from "../../schema/feed/FeedNotice.ts"
import { weigh } from "../../schema/text/ShortenEvent.ts"
import { entriesOf, type Entry, numbered } from "./ResumePoint.ts"

export interface Lagged {
  readonly _tag: "Lagged"
}
const lagged: Lagged = { _tag: "Lagged" }

/** One journal entry, shared by all followers. */
export interface Published {
  readonly cursor: Cursor
  readonly entry: Entry
  /**
   * The entry's events with the positions to resume from, the same objects for every follower that may see the whole
   * entry.
   */
  readonly events: ReadonlyArray<FeedEvent>
  /** The tenant of all events of the entry; undefined when they belong to several tenants or to none. */
  readonly tenantId: string | undefined
  /** True for a notice of the feed itself, such as `feed.gap`. */
  readonly isNotice: boolean
}

export interface Subscription {
  /** Entries up to this position were committed before the subscription; entries taken from it come after. */
  readonly position: Cursor
  /** Waits for at least one entry, and returns at most `most`, in order. */
  readonly take: (most: number) => Effect.Effect<ReadonlyArray<Published>, Lagged>
  readonly hasLagged: () => boolean
  readonly close: Effect.Effect<void>
}

/** Maximum estimated characters of JSON that may wait for one subscriber. A single larger entry is still accepted. */
const heldMost = 16_777_216

/** Key of the wait that the event ends: the task or turn that the event is about. */
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

const tenantOf = ([first, ...rest]: Entry): string | undefined =>
  rest.every(({ tenantId }) => tenantId === first.tenantId) ? first.tenantId : undefined

interface Waiting {
  readonly published: Published
  readonly weight: number
}

interface Subscriber {
  readonly queue: Queue.Queue<Waiting, Lagged>
  weight: number
}

export class Broadcast {
  #position: Cursor
  #published = 0
  readonly #subscribers = new Set<Subscriber>()
  readonly #sleepers = new Map<string, Set<Queue.Queue<void>>>()

  constructor(position: Cursor) {
    this.#position = position
  }

  /** Position up to which the feed was read. */
  get position(): Cursor {
    return this.#position
  }

  /** Number of events published so far. */
  get published(): number {
    return this.#published
  }

  publish(events: ReadonlyArray<FeedEvent>): void {
    for (const entry of entriesOf(events)) {
      const [{ cursor, type }] = entry
      if (type !== "feed.position") this.#hand(entry)
      this.#position = cursor
    }
  }

  /** The caller must close the subscription. */
  subscribe(capacity: number): Effect.Effect<Subscription> {
    return Effect.map(Queue.dropping<Waiting, Lagged>(capacity), (queue) => {
      const subscriber: Subscriber = { queue, weight: 0 }
      this.#subscribers.add(subscriber)
      return {
        position: this.#position,
        take: (most) =>
          Effect.map(Queue.takeBetween(queue, 1, most), (taken) =>
            taken.map(({ published, weight }) => {
              subscriber.weight -= weight
              return published
            })
          ),
        hasLagged: () => !this.#subscribers.has(subscriber),
        close: Effect.suspend(() => {
          this.#subscribers.delete(subscriber)
          return Queue.shutdown(queue)
        })
      }
    })
  }

  /** Queue that receives an element after each event that ends the wait named by `key`. */
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

  #hand(entry: Entry): void {
    this.#published += entry.length
    for (const event of entry) this.#wake(event)
    if (this.#subscribers.size === 0) return
    const published: Published = {
      cursor: entry[0].cursor,
      entry,
      events: numbered(this.#position, entry),
      tenantId: tenantOf(entry),
      isNotice: isNotice(entry[0])
    }
    let weight = 0
    for (const { payload } of entry) weight += weigh(payload)
    for (const subscriber of this.#subscribers) this.#offer(subscriber, { published, weight })
  }

  #offer(subscriber: Subscriber, waiting: Waiting): void {
    const { queue } = subscriber
    const fits = subscriber.weight === 0 || subscriber.weight + waiting.weight <= heldMost
    if (fits && Queue.offerUnsafe(queue, waiting)) {
      subscriber.weight += waiting.weight
      return
    }
    this.#subscribers.delete(subscriber)
    Queue.failCauseUnsafe(queue, Cause.fail(lagged))
  }

  #wake(event: FeedEvent): void {
    const key = wakeKeyOf(event)
    const sleepers = key === undefined ? undefined : this.#sleepers.get(key)
    for (const queue of sleepers ?? []) Queue.offerUnsafe(queue, undefined)
  }
}
