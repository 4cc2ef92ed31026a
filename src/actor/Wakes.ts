/**
 * Wakes actors that nobody calls: those whose timer is due, and on a shard just acquired those that have something under way. The
 * next due time is armed in memory; a sweep of the store is the floor, for wakes that were armed elsewhere.
 */
import { Clock, Context, Duration, Effect, Layer, Stream } from "effect"
import { DueQueue } from "./DueQueue.ts"
import { type ActorAddress, Journal } from "./Journal.ts"
import { Ownership } from "./Ownership.ts"

export interface WakesOptions {
  /** How often the store is read, and how far ahead. A timer armed on another runner is late by at most this. */
  readonly sweepEvery: Duration.Input
}

export const defaults: WakesOptions = { sweepEvery: "5 seconds" }

export class Wakes extends Context.Service<Wakes, {
  /** How to call actors of this type. */
  readonly register: (entityType: string, wake: (entityId: string) => Effect.Effect<void>) => Effect.Effect<void>
  /** Undefined `dueAt` disarms. */
  readonly arm: (address: ActorAddress, dueAt: number | undefined) => void
}>()("clawster/actor/Wakes") {}

const wakesAtOnce = 64

const make = Effect.fnUntraced(function*(options: WakesOptions) {
  const journal = yield* Journal
  const ownership = yield* Ownership
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const callers = new Map<string, (entityId: string) => Effect.Effect<void>>()
  const queue = new DueQueue<ActorAddress>((address) => `${address.entityType}/${address.entityId}`)
  const sweepMillis = Duration.toMillis(Duration.fromInputUnsafe(options.sweepEvery))
  /** Something became due earlier than all that was known when this was last looked at. */
  let earlier = false
  let armed: () => void = () => {}

  const wake = (address: ActorAddress) =>
    Effect.suspend(() => callers.get(address.entityType)?.(address.entityId) ?? Effect.void)

  const arm = (address: ActorAddress, dueAt: number | undefined) => {
    if (dueAt === undefined) return queue.remove(address)
    if (!queue.set(address, dueAt)) return
    earlier = true
    armed()
  }

  const read = Effect.fnUntraced(function*(shards: ReadonlyArray<string>) {
    if (shards.length === 0) return
    const now = yield* Clock.currentTimeMillis
    for (const { address, dueAt } of yield* journal.wakes(shards, now + 2 * sweepMillis)) arm(address, dueAt)
  })

  /** Other fibers run between the look at the queue and this, and may arm. */
  const nextDue = Effect.callback<void>((resume) => {
    if (earlier) return resume(Effect.void)
    armed = () => resume(Effect.void)
  })

  const fire = Effect.gen(function*() {
    earlier = false
    const due = queue.takeDue(clock.currentTimeMillisUnsafe(), 1_024)
    if (due.length > 0) {
      return yield* Effect.forEach(due, wake, { concurrency: wakesAtOnce, discard: true }).pipe(Effect.forkIn(scope))
    }
    const wait = (queue.nextDue ?? Infinity) - clock.currentTimeMillisUnsafe()
    yield* Effect.raceFirst(nextDue, wait === Infinity ? Effect.never : Effect.sleep(Math.min(Math.max(wait, 1), 2 ** 30)))
  })

  yield* Effect.forkScoped(Effect.forever(fire))
  yield* ownership.changes.pipe(
    Stream.runForEach((change) => Effect.ignore(read(change.acquired))),
    Effect.forkScoped
  )
  yield* Effect.flatMap(ownership.owned, read).pipe(
    Effect.ignore,
    Effect.delay(options.sweepEvery),
    Effect.forever,
    Effect.forkScoped
  )
  return Wakes.of({
    register: (entityType, call) => Effect.sync(() => void callers.set(entityType, call)),
    arm
  })
})

export const layer = (options: WakesOptions = defaults) => Layer.effect(Wakes, make(options))
