/**
 * Wakes actors without a call: those with a due timer, and, on a shard that was just acquired, those with background
 * work. The next due time is armed in memory. A periodic sweep of the store finds the wakes that were armed elsewhere.
 *
 * An actor with background work is in the result of every sweep. Once woken it stays in memory and reloads itself when
 * it must, so it is woken again only now and then: with as many lanes as tenants, each sweep would otherwise call every
 * one of them.
 */
import { Clock, Context, Duration, Effect, Layer, Semaphore, Stream } from "effect"
import { TimerHeap } from "./TimerHeap.ts"
import { type ActorAddress, Journal } from "../Journal.ts"
import { Ownership } from "../Ownership.ts"

export interface WakeSchedulerOptions {
  /**
   * Interval between sweeps of the store. Each looks two intervals ahead, so a timer armed on another runner fires at
   * most one interval late.
   */
  readonly sweepEvery: Duration.Input
}

export const defaults: WakeSchedulerOptions = { sweepEvery: "5 seconds" }

export class WakeScheduler extends Context.Service<
  WakeScheduler,
  {
    /**
     * Sets how to wake actors of a type. `wake` returns true when the actor is loaded and its background work is
     * running.
     */
    readonly register: (entityType: string, wake: (entityId: string) => Effect.Effect<boolean>) => Effect.Effect<void>
    /** Arms the actor's next wake-up (`dueAt` in Unix milliseconds); undefined disarms it. */
    readonly arm: (address: ActorAddress, dueAt: number | undefined) => void
  }
>()("clawster/actor/runtime/WakeScheduler") {}

/**
 * Maximum concurrent wakes, for actors found together and in total. Each wake loads an actor, and more of them do not
 * make a slow store faster. The others are queued, each actor once.
 */
const wakesAtOnce = 64
export const wakesMost = 512
/** Milliseconds for which a woken actor is assumed to be in memory. */
const awakeMillis = 60_000

const keyOf = ({ entityId, entityType }: ActorAddress): string => `${entityType}/${entityId}`

const make = Effect.fnUntraced(function* (options: WakeSchedulerOptions) {
  const journal = yield* Journal
  const ownership = yield* Ownership
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const callers = new Map<string, (entityId: string) => Effect.Effect<boolean>>()
  const queue = new TimerHeap<ActorAddress>(keyOf)
  /** Actors that are awake or being woken, with the time of the wake, oldest first. */
  const awake = new Map<string, number>()
  const waiting = new Set<string>()
  const permits = yield* Semaphore.make(wakesMost)
  const sweepMillis = Duration.toMillis(Duration.fromInputUnsafe(options.sweepEvery))
  /** An actor became the first to be due since the heap was last read. */
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

  /**
   * Actors with background work (`dueAt` 0) are woken directly and not through the heap, where their key holds their
   * next timer.
   */
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

  /** Checks `earlier` first: another fiber may have armed an earlier wake-up since the heap was read. */
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
