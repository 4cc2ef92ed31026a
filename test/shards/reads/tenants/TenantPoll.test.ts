import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { TenantDefaults } from "../../../../src/ports/tenants/Tenants.ts"
import { TenantId } from "../../../../src/schema/Ids.ts"
import type { TenantRecord } from "../../../../src/schema/Tenant.ts"
import * as TenantPoll from "../../../../src/shards/reads/tenants/TenantPoll.ts"

const acme = TenantId.make("acme")
const suspended: TenantRecord = { tenantId: acme, state: "suspended", caps: {}, changedAt: 1 }

const make = Effect.gen(function* () {
  const store = { records: [] as ReadonlyArray<TenantRecord>, answers: false, reads: 0 }
  const answer = <A>(read: () => A) => Effect.suspend(() => (store.answers ? Effect.sync(read) : Effect.fail("away")))
  const tenants = yield* TenantPoll.make({
    revision: answer(() => JSON.stringify(store.records)),
    records: answer(() => {
      store.reads++
      return store.records
    })
  }).pipe(Effect.provideService(TenantDefaults, { weight: 3, caps: { lanes: 1 } }))
  let changes = 0
  yield* tenants.changes.pipe(
    Stream.runForEach(() => Effect.sync(() => void changes++)),
    Effect.forkScoped({ startImmediately: true })
  )
  return { store, tenants, changes: () => changes }
})

describe("the records of tenants in memory", () => {
  it.effect("are not known before they were read, and then are those of the store over the defaults", () =>
    Effect.gen(function* () {
      const { changes, store, tenants } = yield* make
      yield* TestClock.adjust("3 seconds")
      assert.isUndefined(yield* tenants.of(acme))
      store.answers = true
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* tenants.of(acme), {
        tenantId: acme,
        state: "active",
        weight: 3,
        caps: { lanes: 1 }
      })
      assert.strictEqual(changes(), 1)
    })
  )

  it.effect(
    "follow a change within a second and tell of it, are read only then, and hold while the store is away",
    () =>
      Effect.gen(function* () {
        const { changes, store, tenants } = yield* make
        store.answers = true
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([store.reads, changes()], [1, 1])
        store.records = [suspended]
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* tenants.of(acme))?.state, "suspended")
        assert.deepStrictEqual([store.reads, changes()], [2, 2])
        store.answers = false
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* tenants.of(acme))?.state, "suspended")
        store.answers = true
        store.records = []
        yield* tenants.refresh
        assert.strictEqual((yield* tenants.of(acme))?.state, "active")
      })
  )
})
