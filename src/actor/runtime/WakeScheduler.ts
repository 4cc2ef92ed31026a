/**
 * Wakes actors that nobody calls: those whose timer is due, and on a shard just acquired those that have something
 * under way. The next due time is armed in memory; a sweep of the store is the floor, for wakes that were armed
 * elsewhere.
 *
 * An actor with something under way is in every sweep. Once woken it stays in memory and loads itself again when it
 * must, so it is woken again only now and then: with as many lanes as tenants, each sweep would be a call to each of
 * them.
 */
import { Clock, Context, Duration, Effect, Layer, Semaphore, Stream } from "effect"
import { TimerHeap } from "./TimerHeap.ts"
import { type ActorAddress, Journal } from "../Journal.ts"
import { Ownership } from "../Ownership.ts"

export interface WakeSchedulerOptions {
  /** How often the store is read, twice as far ahead. A timer armed on another runner is late by at most this. */
  readonly sweepEvery: Duration.Input
}

export const defaults: WakeSchedulerOptions = { sweepEvery: "5 seconds" }

export class WakeScheduler extends Context.Service<
  WakeScheduler,
  {
    /** How to call actors of this type. True: it is loaded, and what it should be doing is under way. */
    readonly register: (entityType: string, wake: (entityId: string) => Effect.Effect<boolean>) => Effect.Effect<void>
    /** Undefined `dueAt` disarms. */
    readonly arm: (address: ActorAddress, dueAt: number | undefined) => void
  }
>()("clawster/actor/runtime/WakeScheduler") {}

/**
 * Of those that were found together, and of all: each loads an actor, and a store that is slow is not made quicker by
 * more. The others wait, each actor once.
 */
const wakesAtOnce = 64
export const wakesMost = 512
/** For how long one that was woken is taken to be awake. */
const awakeMillis = 60_000

const keyOf = ({ entityId, entityType }: ActorAddress): string => `${entityType}/${entityId}`

const make = Effect.fnUntraced(function* (options: WakeSchedulerOptions) {
  const journal = yield* Journal
  const ownership = yield* Ownership
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const callers = new Map<string, (entityId: string) => Effect.Effect<boolean>>()
  const queue = new TimerHeap<ActorAddress>(keyOf)
  /** Those that are awake or being woken, and since when, in that order. */
  const awake = new Map<string, number>()
  const waiting = new Set<string>()
  const permits = yield* Semaphore.make(wakesMost)
  const sweepMillis = Duration.toMillis(Duration.fromInputUnsafe(options.sweepEvery))
  /** Something became due earlier than all that was known when this was last looked at. */
  let earlier = false
  let armed: () => void = () => {}

  const wake = Effect.fnUntraced(function* (address: ActorAddress) {
    waiting.delete(keyOf(address))
    const isAwake = yield* callers.get(address.entityType)?.(address.entityId) ?? Effect.succeed(false)
    if (!isAwake) awake.delete(keyOf(address))
  })
  const wakeInTurn = (address: ActorAddress) => permits.withPermits(1)(wake(address))

  const wakeAll = (addresses: ReadonlyArray<ActorAddress>) => {
    const now = clock.currentTimeMillisUnsafe()
    const found = addresses.filter((address) => !waiting.has(keyOf(address)))
    for (const key of found.map(keyOf)) {
      waiting.add(key)
      awake.delete(key)
      awake.set(key, now)
    }
    return Effect.forEach(found, wakeInTurn, { concurrency: wakesAtOnce, discard: true }).pipe(Effect.forkIn(scope))
  }

  const forget = (before: number) => {
    for (const [key, at] of awake) {
      if (at > before) return
      awake.delete(key)
    }
  }

  const arm = (address: ActorAddress, dueAt: number | undefined) => {
    if (dueAt === undefined) return queue.remove(address)
    if (!queue.set(address, dueAt)) return
    earlier = true
    armed()
  }

  /** What has something under way is woken beside the queue, where it has the place of its own next timer. */
  const read = Effect.fnUntraced(function* (shards: ReadonlyArray<string>, isNeeded: (key: string) => boolean) {
    if (shards.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const found = yield* journal.wakes(shards, now + 2 * sweepMillis)
    for (const { address, dueAt } of found) if (dueAt > 0) arm(address, dueAt)
    yield* wakeAll(found.flatMap(({ address, dueAt }) => (dueAt <= 0 && isNeeded(keyOf(address)) ? [address] : [])))
  })

  const sweep = Effect.gen(function* () {
    forget(clock.currentTimeMillisUnsafe() - awakeMillis)
    yield* read(yield* ownership.owned, (key) => !awake.has(key))
  })

  /** Other fibers run between the look at the queue and this, and may arm. */
  const nextDue = Effect.callback<void>((resume) => {
    if (earlier) return resume(Effect.void)
    armed = () => resume(Effect.void)
  })

  const fire = Effect.gen(function* () {
    earlier = false
    const due = queue.takeDue(clock.currentTimeMillisUnsafe(), 1_024)
    if (due.length > 0) return yield* wakeAll(due)
    const wait = (queue.nextDue ?? Infinity) - clock.currentTimeMillisUnsafe()
    yield* Effect.raceFirst(
      nextDue,
      wait === Infinity ? Effect.never : Effect.sleep(Math.min(Math.max(wait, 1), 2 ** 30))
    )
  })

  yield* Effect.forkScoped(Effect.forever(fire))
  yield* ownership.changes.pipe(
    Stream.runForEach((change) => Effect.ignore(read(change.acquired, () => true))),
    Effect.forkScoped
  )
  yield* sweep.pipe(Effect.ignore, Effect.delay(options.sweepEvery), Effect.forever, Effect.forkScoped)
  return WakeScheduler.of({
    register: (entityType, call) => Effect.sync(() => void callers.set(entityType, call)),
    arm
  })
})

export const layer = (options: WakeSchedulerOptions = defaults) => Layer.effect(WakeScheduler, make(options))
