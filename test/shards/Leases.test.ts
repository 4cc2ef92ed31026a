import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RunnerAddress, RunnerStorage, ShardId, ShardingConfig } from "effect/cluster"
import { TestClock } from "effect/testing"
import { Ownership } from "../../src/actor/Ownership.ts"
import * as Held from "../../src/shards/Held.ts"
import * as Leases from "../../src/shards/Leases.ts"

const self = RunnerAddress.make("me", 1)
const shard = (n: number) => ShardId.make("default", n)

/** Rows that a test may change behind the runner's back. */
const rows = () => {
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
        })),
    renew: () => Effect.succeed("lease"),
    leaseOf: () => Effect.succeed("lease"),
    shardsOf: (address) =>
      Effect.sync(() => [...shards].flatMap(([shardId, { epoch, owner }]) => owner === address ? [{ shardId, epoch }] : [])),
    release: () => Effect.never,
    releaseAll: () => Effect.void,
    disclaim: (address, claims) =>
      Effect.sync(() => {
        for (const { epoch, shardId } of claims) {
          const row = shards.get(shardId)!
          if (row.owner === address && row.epoch === epoch) row.owner = null
        }
      })
  }
  return { shards, statements }
}

const test = (use: (state: ReturnType<typeof rows>) => Effect.Effect<void, unknown, RunnerStorage.RunnerStorage | Ownership>) => {
  const state = rows()
  const layer = Layer.effect(RunnerStorage.RunnerStorage, Leases.make(state.statements)).pipe(
    Layer.provideMerge(Held.layer),
    Layer.provide(ShardingConfig.layer({ shardLockExpiration: 6_000 }))
  )
  return use(state).pipe(Effect.provide(layer))
}

describe("Leases", () => {
  it.effect("counts a shard as lost that was taken again by a statement whose answer never came", () =>
    test(({ shards }) =>
      Effect.gen(function*() {
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
      })))

  it.effect("gives up what a former process of its address has left, so that others can take it", () =>
    test(({ shards }) =>
      Effect.gen(function*() {
        const storage = yield* RunnerStorage.RunnerStorage
        shards.set("default:7", { owner: "me:1", epoch: 5 })
        yield* storage.acquire(self, [shard(1)])
        yield* storage.refresh(self, [shard(1)])
        assert.strictEqual(shards.get("default:7")!.owner, "me:1", "it may be one whose answer is on its way")
        yield* storage.refresh(self, [shard(1)])
        assert.isNull(shards.get("default:7")!.owner)
        assert.strictEqual(shards.get("default:1")!.owner, "me:1")
      })))

  it.effect("does not wait for ever for a store that never answers", () =>
    test(() =>
      Effect.gen(function*() {
        const storage = yield* RunnerStorage.RunnerStorage
        const released = yield* Effect.forkChild(Effect.flip(storage.release(self, shard(1))))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(released.pollUnsafe()?._tag, "Success")
      })))
})
