import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type ActorAddress, Journal } from "../../../src/actor/Journal.ts"
import { Ownership, type OwnershipChange } from "../../../src/actor/Ownership.ts"
import * as WakeScheduler from "../../../src/actor/runtime/WakeScheduler.ts"

const address = (entityId: string): ActorAddress => ({ entityType: "Case", entityId, shardId: "default:1" })

/**
 * Wake-ups over a store that says the same at each sweep; 0: it has something under way. Answers how often `one` was
 * woken so far.
 */
const bench = Effect.fnUntraced(function* (dueAt: number, wake: () => boolean = () => true) {
  const acquired = yield* Queue.unbounded<OwnershipChange>()
  const store = Layer.mergeAll(
    Layer.mock(Journal, { wakes: () => Effect.succeed([{ address: address("one"), dueAt }]) }),
    Layer.succeed(Ownership, {
      epochOf: () => 1,
      changes: Stream.fromQueue(acquired),
      owned: Effect.succeed(["default:1"])
    })
  )
  const context = yield* Layer.build(WakeScheduler.layer().pipe(Layer.provide(store)))
  yield* TestClock.adjust(1)
  let woken = 0
  yield* Effect.provideContext(
    Effect.flatMap(WakeScheduler.WakeScheduler, ({ register }) =>
      register("Case", () =>
        Effect.sync(() => {
          woken++
          return wake()
        })
      )
    ),
    context
  )
  return {
    arm: Context.get(context, WakeScheduler.WakeScheduler).arm,
    woken: () => woken,
    acquire: Queue.offer(acquired, { acquired: ["default:1"], lost: [] }).pipe(Effect.andThen(TestClock.adjust(1)))
  }
})

describe("an actor with something under way", () => {
  it.effect("is woken when it is found, and then only now and then", () =>
    Effect.gen(function* () {
      const { woken } = yield* bench(0)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(woken(), 1)
      yield* TestClock.adjust("5 minutes")
      assert.isAtLeast(woken(), 4)
      assert.isAtMost(woken(), 7)
    })
  )

  it.effect("is woken at each sweep until that succeeds", () =>
    Effect.gen(function* () {
      let answers = 0
      const { woken } = yield* bench(0, () => ++answers > 4)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(woken(), 5)
    })
  )

  it.effect("is woken for its own timer too, when that is due", () =>
    Effect.gen(function* () {
      const { arm, woken } = yield* bench(0)
      arm(address("one"), 12_000)
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(woken(), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(woken(), 2)
    })
  )

  it.effect("is woken at once when its shard comes back, though it was awake before", () =>
    Effect.gen(function* () {
      const { acquire, woken } = yield* bench(0)
      yield* acquire
      assert.strictEqual(woken(), 1)
      yield* acquire
      assert.strictEqual(woken(), 2)
    })
  )
})

/** Many actors whose timers the store says are due at each sweep. `slow`: no wake-up ends within its 15 s. */
const crowd = Effect.fnUntraced(function* (count: number) {
  const addresses = Array.from({ length: count }, (_, n) => address(`crowd-${n}`))
  const store = Layer.mergeAll(
    Layer.mock(Journal, { wakes: () => Effect.succeed(addresses.map((address) => ({ address, dueAt: 1 }))) }),
    Layer.succeed(Ownership, { epochOf: () => 1, changes: Stream.never, owned: Effect.succeed(["default:1"]) })
  )
  const context = yield* Layer.build(WakeScheduler.layer().pipe(Layer.provide(store)))
  const seen = { slow: true, woken: 0, underWay: 0, mostUnderWay: 0 }
  const wake = Effect.suspend(() => {
    seen.woken++
    seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay)
    return Effect.as(seen.slow ? Effect.sleep("15 seconds") : Effect.void, false)
  }).pipe(Effect.ensuring(Effect.sync(() => seen.underWay--)))
  yield* Context.get(context, WakeScheduler.WakeScheduler).register("Case", () => wake)
  return seen
})

describe("actors that are to be woken while loading them takes long", () => {
  it.effect("are woken a bounded number at once", () =>
    Effect.gen(function* () {
      const seen = yield* crowd(20_000)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(seen.underWay, WakeScheduler.wakesMost)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(seen.mostUnderWay, WakeScheduler.wakesMost)
    })
  )

  it.effect("are woken once, however often they were found while they waited for their turn", () =>
    Effect.gen(function* () {
      const seen = yield* crowd(5_000)
      yield* TestClock.adjust("4 minutes")
      seen.slow = false
      const { woken } = seen
      yield* TestClock.adjust("15 seconds")
      assert.isAtLeast(seen.woken - woken, 5_000)
      assert.isAtMost(seen.woken - woken, 4 * 5_000)
    })
  )
})

describe("an actor whose timer is due", () => {
  it.effect("is woken at each sweep for as long as the store says so", () =>
    Effect.gen(function* () {
      const { woken } = yield* bench(1)
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual(woken(), 6)
    })
  )
})
