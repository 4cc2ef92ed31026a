import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer, Logger } from "effect"
import { ClusterError, RunnerAddress, RunnerStorage, ShardId } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as OwnedShards from "../../../src/shards/leases/OwnedShards.ts"
import * as RenewalGrace from "../../../src/shards/effect-patches/RenewalGrace.ts"

const self = RunnerAddress.make("me", 1)
const [one, two] = [ShardId.make("default", 1), ShardId.make("default", 2)]

const make = (refresh: Effect.Effect<Array<ShardId.ShardId>, ClusterError.PersistenceError>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      RenewalGrace.layer.pipe(
        Layer.provide(Layer.mock(RunnerStorage.RunnerStorage, { refresh: () => refresh })),
        Layer.provideMerge(OwnedShards.layer)
      )
    )
    const held = Context.get(context, OwnedShards.OwnedShards)
    yield* held.gained([
      { shardId: "default:1", epoch: 1 },
      { shardId: "default:2", epoch: 1 }
    ])
    held.leaseUntil(6_000)
    return { refresh: Context.get(context, RunnerStorage.RunnerStorage).refresh(self, [one, two]) }
  })

describe("a renewal of the lease", () => {
  it.effect("that is slow does not cost a runner its shards while its lease holds", () =>
    Effect.gen(function* () {
      const answered = Latch.makeUnsafe(false)
      const { refresh } = yield* make(Effect.as(answered.await, [one]))
      const slow = yield* Effect.forkChild(refresh)
      yield* TestClock.adjust("1 second")
      assert.isDefined(slow.pollUnsafe(), "it is not waited for")
      assert.deepStrictEqual(yield* Fiber.join(slow), [one, two])
      answered.openUnsafe()
      assert.deepStrictEqual(yield* refresh, [one], "what the store says counts once it says it")
    }).pipe(Effect.scoped)
  )

  it.effect("that fails after its caller has gone on is logged, once", () => {
    const said: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function* () {
      const failing = Latch.makeUnsafe(false)
      const failure = new ClusterError.PersistenceError({ cause: "gone" })
      const { refresh } = yield* make(Effect.andThen(failing.await, Effect.fail(failure)))
      const slow = yield* Effect.forkChild(refresh)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(slow)
      assert.deepStrictEqual(said, [])
      failing.openUnsafe()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(said.length, 1)
      assert.match(said[0]!, /^Warn A slow renewal of the lease has failed/)
      yield* Effect.flip(refresh)
      assert.strictEqual(said.length, 1, "its caller was told")
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  })

  it.effect("that is slow is waited for when the lease has run out", () =>
    Effect.gen(function* () {
      const { refresh } = yield* make(Effect.never)
      yield* TestClock.adjust("7 seconds")
      const slow = yield* Effect.forkChild(refresh)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(slow.pollUnsafe())
    }).pipe(Effect.scoped)
  )

  it.effect("that fails is told at once", () =>
    Effect.gen(function* () {
      const { refresh } = yield* make(Effect.fail(new ClusterError.PersistenceError({ cause: "gone" })))
      assert.strictEqual((yield* Effect.flip(refresh))._tag, "PersistenceError")
    }).pipe(Effect.scoped)
  )
})
