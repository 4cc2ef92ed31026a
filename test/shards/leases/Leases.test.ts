import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RunnerAddress, RunnerStorage, ShardId, ShardingConfig } from "effect/cluster"
import { TestClock } from "effect/testing"
import { Ownership } from "../../../src/actor/Ownership.ts"
import * as OwnedShards from "../../../src/shards/leases/OwnedShards.ts"
import * as Leases from "../../../src/shards/leases/Leases.ts"

const self = RunnerAddress.make("me", 1)
const shard = (n: number) => ShardId.make("default", n)

/** Rows that a test may change behind the runner's back. */
const rows = () => {
  const releases: Array<ReadonlyArray<string>> = []
  const shards = new Map<string, { owner: string | null; epoch: number }>()
  const statements: Leases.LeaseStatements = {
    runners: Effect.succeed([]),
    register: () => Effect.succeed(1),
    unregister: () => Effect.void,
    setHealth: () => Effect.void,
    createShards: (shardIds) =>
      Effect.sync(() => {
        for (const shardId of shardIds) if (!shards.has(shardId)) shards.set(shardId, { owner: null, epoch: 0 })
      }),
    take: (address, shardIds) =>
      Effect.sync(() =>
        shardIds.flatMap((shardId) => {
          const row = shards.get(shardId)!
          if (row.owner !== null && row.owner !== address) return []
          row.owner = address
          return [{ shardId, epoch: ++row.epoch }]
        })
      ),
    renew: () => Effect.succeed("lease"),
    leaseOf: () => Effect.succeed("lease"),
    shardsOf: (address) =>
      Effect.sync(() =>
        [...shards].flatMap(([shardId, { epoch, owner }]) => (owner === address ? [{ shardId, epoch }] : []))
      ),
    release: (address, shardIds) =>
      Effect.sync(() => {
        releases.push(shardIds)
        for (const shardId of shardIds) if (shards.get(shardId)?.owner === address) shards.get(shardId)!.owner = null
      }),
    releaseAll: () => Effect.void,
    disclaim: (address, claims) =>
      Effect.sync(() => {
        for (const { epoch, shardId } of claims) {
          const row = shards.get(shardId)!
          if (row.owner === address && row.epoch === epoch) row.owner = null
        }
      })
  }
  return { releases, shards, statements }
}

const test = (
  use: (state: ReturnType<typeof rows>) => Effect.Effect<void, unknown, RunnerStorage.RunnerStorage | Ownership>,
  change: Partial<Leases.LeaseStatements> = {}
) => {
  const state = rows()
  const layer = Layer.effect(RunnerStorage.RunnerStorage, Leases.make({ ...state.statements, ...change })).pipe(
    Layer.provideMerge(OwnedShards.layer),
    Layer.provide(ShardingConfig.layer({ shardLockExpiration: 6_000 }))
  )
  return use(state).pipe(Effect.provide(layer))
}

describe("Leases", () => {
  it.effect("counts a shard as lost that was taken again by a statement whose answer never came", () =>
    test(({ shards }) =>
      Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        const ownership = yield* Ownership
        yield* storage.acquire(self, [shard(1), shard(2)])
        yield* storage.refresh(self, [])
        assert.strictEqual(ownership.epochOf("default:1"), 1)
        shards.get("default:1")!.epoch = 2
        const kept = yield* storage.refresh(self, [shard(1), shard(2)])
        assert.deepStrictEqual(kept.map(String), ["default:2"])
        assert.isUndefined(ownership.epochOf("default:1"))
        yield* storage.acquire(self, [shard(1)])
        assert.strictEqual(ownership.epochOf("default:1"), 3)
      })
    )
  )

  it.effect("gives up what a former process of its address has left, so that others can take it", () =>
    test(({ shards }) =>
      Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        shards.set("default:7", { owner: "me:1", epoch: 5 })
        yield* storage.acquire(self, [shard(1)])
        yield* storage.refresh(self, [shard(1)])
        assert.strictEqual(shards.get("default:7")!.owner, "me:1", "it may be one whose answer is on its way")
        yield* storage.refresh(self, [shard(1)])
        assert.isNull(shards.get("default:7")!.owner)
        assert.strictEqual(shards.get("default:1")!.owner, "me:1")
      })
    )
  )

  it.effect("gives up many shards in few statements", () =>
    test(({ releases, shards }) =>
      Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        const many = Array.from({ length: 100 }, (_, n) => shard(n + 1))
        yield* storage.acquire(self, many)
        yield* Effect.forEach(many, (shardId) => storage.release(self, shardId), {
          concurrency: "unbounded",
          discard: true
        })
        assert.isTrue([...shards.values()].every(({ owner }) => owner === null))
        assert.isAtMost(releases.length, 3)
      })
    )
  )

  it.effect("leaves a shard to whoever takes it once its runner has said goodbye", () =>
    test(({ releases }) =>
      Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        const ownership = yield* Ownership
        yield* storage.acquire(self, [shard(1)])
        yield* storage.unregister(self)
        yield* storage.release(self, shard(1))
        assert.deepStrictEqual(releases, [], "it would only wait for the same rows as its successor")
        assert.deepStrictEqual(yield* ownership.owned, [])
      })
    )
  )

  it.effect("gives no lease back to a runner that has said goodbye meanwhile", () =>
    test(() =>
      Effect.gen(function* () {
        const storage = yield* RunnerStorage.RunnerStorage
        const ownership = yield* Ownership
        yield* storage.acquire(self, [shard(1)])
        yield* storage.refresh(self, [shard(1)])
        assert.strictEqual(ownership.epochOf("default:1"), 1)
        yield* storage.unregister(self)
        yield* storage.refresh(self, [shard(1)])
        assert.isUndefined(ownership.epochOf("default:1"), "others may have the shard")
      })
    )
  )

  it.effect("tells the store of each shard when its goodbye did not arrive", () =>
    test(
      ({ shards }) =>
        Effect.gen(function* () {
          const storage = yield* RunnerStorage.RunnerStorage
          yield* storage.acquire(self, [shard(1)])
          yield* Effect.ignore(storage.unregister(self))
          yield* storage.release(self, shard(1))
          assert.isNull(shards.get("default:1")!.owner)
        }),
      { unregister: () => Effect.fail("the store is away") }
    )
  )

  it.effect("does not wait for ever for a store that never answers", () =>
    test(
      () =>
        Effect.gen(function* () {
          const storage = yield* RunnerStorage.RunnerStorage
          const released = yield* Effect.forkChild(Effect.flip(storage.release(self, shard(1))))
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(released.pollUnsafe()?._tag, "Success")
        }),
      { release: () => Effect.never }
    )
  )
})
