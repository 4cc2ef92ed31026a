import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { make } from "../../../../src/gateway/service/tenants/CappedUse.ts"
import { TenantId } from "../../../../src/schema/Ids.ts"

const acme = TenantId.make("acme")
const none = { completed: 0, failed: 0, cancelled: 0, deadLettered: 0, activeSessions: 0, queuedTurns: 0, running: 0 }

const bench = Effect.gen(function* () {
  const store = { pending: 0, reads: 0 }
  const use = yield* make({
    usage: () =>
      Effect.sync(() => {
        store.reads++
        return { ...none, lanes: 0, sessions: 0, pending: store.pending, scheduled: 0 }
      })
  })
  return { store, take: (count: number) => use.take(acme, "pending", count, 10) }
})

describe("the use of what is capped", () => {
  it.effect("is counted on between two readings, and read once a second", () =>
    Effect.gen(function* () {
      const { store, take } = yield* bench
      assert.isUndefined(yield* take(6))
      assert.isUndefined(yield* take(4))
      assert.strictEqual(yield* take(1), 10)
      assert.strictEqual(store.reads, 1)
      store.pending = 9
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* take(2), 9)
      assert.isUndefined(yield* take(1))
      assert.strictEqual(store.reads, 2)
    })
  )

  it.effect("refuses on a fresh reading only, since what was counted may have ended", () =>
    Effect.gen(function* () {
      const { store, take } = yield* bench
      assert.isUndefined(yield* take(10))
      yield* TestClock.adjust("300 millis")
      assert.isUndefined(yield* take(3))
      assert.strictEqual(store.reads, 2)
      assert.strictEqual(yield* take(8), 3)
      assert.strictEqual(store.reads, 2)
    })
  )
})
