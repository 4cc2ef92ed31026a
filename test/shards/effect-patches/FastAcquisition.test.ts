import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Runner } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as FastAcquisition from "../../../src/shards/effect-patches/FastAcquisition.ts"
import * as ShardingRig from "./ShardingRig.ts"

const shardsPerGroup = 4

/** A store in which another runner holds a shard. */
const cluster = Effect.gen(function* () {
  const taken = new Set([`default:${shardsPerGroup}`])
  const peers: Array<Runner.Runner> = []
  const { holds, released } = yield* ShardingRig.make({
    sharding: FastAcquisition.layer,
    groups: ["default"],
    shardsPerGroup,
    peers: () => peers,
    taken
  })
  return { taken, peers, released, holds: () => holds("default") }
})

describe("a runner that is still waiting for a shard", () => {
  it.effect("has it as soon as its owner has let go of it", () =>
    Effect.gen(function* () {
      const { holds, taken } = yield* cluster
      assert.deepStrictEqual(holds(), [1, 2, 3])
      taken.clear()
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(holds(), [1, 2, 3, 4])
    }).pipe(Effect.scoped)
  )

  it.effect("lets go meanwhile of those that a runner that has joined is to have", () =>
    Effect.gen(function* () {
      const { holds, peers, released } = yield* cluster
      peers.push(ShardingRig.peerOf("new", ["default"]))
      yield* TestClock.adjust("200 millis")
      assert.isAbove(released.size, 0)
      assert.isBelow(holds().length, 3)
    }).pipe(Effect.scoped)
  )
})
