/** Who may take whose shards, and when, on a real PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Runner, RunnerAddress, RunnerStorage, ShardId } from "effect/cluster"
import { Ownership } from "../../../src/actor/Ownership.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as ClusterConfig from "../../../src/shards/ClusterConfig.ts"
import * as OwnedShards from "../../../src/shards/leases/OwnedShards.ts"
import { LeaseMonitor } from "../../../src/shards/leases/LeaseMonitor.ts"
import * as PgLeases from "../../../src/shards/leases/PgLeases.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { until } from "../../fixtures/Until.ts"

const shards = [1, 2, 3].map((id) => ShardId.make("default", id))

const runner = Effect.fnUntraced(function* (host: string, leaseMillis = 6_000) {
  const address = RunnerAddress.make(host, 1)
  const context = yield* Layer.build(
    Layer.fresh(PgLeases.layer).pipe(
      Layer.provideMerge(Layer.fresh(OwnedShards.layer)),
      Layer.provide(ClusterConfig.runner({ host, port: 1, serves: [defaultPlacement], leaseMillis }))
    )
  )
  const storage = Context.get(context, RunnerStorage.RunnerStorage)
  yield* storage.register(Runner.make({ address, groups: ["default"], weight: 1 }), true)
  return {
    name: `${host}:1`,
    address,
    storage,
    watch: Context.get(context, LeaseMonitor),
    epochOf: Context.get(context, Ownership).epochOf,
    acquire: Effect.map(storage.acquire(address, shards), (acquired) => acquired.length)
  }
})

const lapse = (name: string, ago: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe(`UPDATE clawster_runners SET lease_until = clock_timestamp() - $2::interval WHERE address = $1`, [
      name,
      ago
    ])
  )

const isSettled = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ settled: boolean }>(
    `SELECT pg_postmaster_start_time() + interval '3.1 seconds' < clock_timestamp() AS settled`
  )
).pipe(Effect.map((rows) => rows[0]!.settled))

it.layer(Postgres.layer, { timeout: 120_000, excludeTestServices: true })("leases", (it) => {
  it.effect(
    "a lapsed runner keeps its shards for its grace, and loses them at once when its peers find it silent",
    () =>
      Effect.gen(function* () {
        const [slow, other] = [yield* runner("slow"), yield* runner("other")]
        yield* until("PostgreSQL has been up for a while", isSettled)
        assert.strictEqual(yield* slow.acquire, 3)
        yield* lapse(slow.name, "100 milliseconds")
        assert.strictEqual((yield* other.watch.leases).find(({ address }) => address === slow.name)?.state, "lapsed")
        assert.strictEqual(yield* other.acquire, 0, "it may still renew")
        yield* lapse(slow.name, "100 milliseconds")
        yield* other.watch.disown(slow.name)
        assert.strictEqual(yield* other.acquire, 3)
        yield* other.storage.releaseAll(other.address)
      }).pipe(Effect.scoped)
  )

  it.effect("a lapsed runner's grace is a quarter of its own lease, whatever the lease of its peers", () =>
    Effect.gen(function* () {
      const [quick, slow] = [yield* runner("quick", 1_000), yield* runner("patient", 60_000)]
      yield* until("PostgreSQL has been up for a while", isSettled)
      assert.strictEqual(yield* quick.acquire, 3)
      yield* lapse(quick.name, "300 milliseconds")
      assert.strictEqual(yield* slow.acquire, 3)
      yield* lapse(slow.name, "10 seconds")
      assert.strictEqual(yield* quick.acquire, 0, "it may still renew")
      yield* slow.storage.releaseAll(slow.address)
    }).pipe(Effect.scoped)
  )

  it.effect("a runner that has renewed in time cannot be disowned", () =>
    Effect.gen(function* () {
      const [alive, other] = [yield* runner("alive"), yield* runner("second")]
      yield* until("PostgreSQL has been up for a while", isSettled)
      assert.strictEqual(yield* alive.acquire, 3)
      yield* other.watch.disown(alive.name)
      assert.strictEqual(yield* other.acquire, 0)
      yield* alive.storage.releaseAll(alive.address)
    }).pipe(Effect.scoped)
  )

  it.effect("a runner whose lease changed without its knowledge learns of it before it renews", () =>
    Effect.gen(function* () {
      const one = yield* runner("one")
      const sql = yield* PgClient.PgClient
      yield* one.storage.refresh(one.address, [])
      yield* lapse(one.name, "10 seconds")
      yield* one.storage.refresh(one.address, [])
      const [row] = yield* sql.unsafe<{ kept: boolean }>(
        `SELECT lease_until > clock_timestamp() AS kept FROM clawster_runners WHERE address = $1`,
        [one.name]
      )
      assert.isTrue(row!.kept, "it learned of the change, and renewed")
    }).pipe(Effect.scoped)
  )

  it.effect("a runner that has said goodbye answers nothing more, though it has not handed over yet", () =>
    Effect.gen(function* () {
      const leaving = yield* runner("leaving")
      assert.strictEqual(yield* leaving.acquire, 3)
      assert.isDefined(leaving.epochOf("default:1"))
      yield* leaving.storage.unregister(leaving.address)
      assert.isUndefined(leaving.epochOf("default:1"))
      yield* leaving.storage.releaseAll(leaving.address)
    }).pipe(Effect.scoped)
  )
})
