import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Sharding } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as ChangedGroups from "../../../src/shards/effect-patches/ChangedGroups.ts"
import * as ShardingRig from "./ShardingRig.ts"

const shards = 16
const groups = ["default", "region-eu"]

/** This runner, and a peer whose registration is replaced while it counts as healthy throughout. */
const cluster = Effect.fnUntraced(function* (first: ReadonlyArray<string>) {
  let peer = ShardingRig.peerOf("peer", first)
  const { holds, registrations } = yield* ShardingRig.make({
    sharding: ChangedGroups.noticed(Sharding.layer),
    groups,
    shardsPerGroup: shards,
    peers: () => [peer]
  })
  const serves = (served: ReadonlyArray<string>) => {
    peer = ShardingRig.peerOf("peer", served)
    return TestClock.adjust("5 seconds")
  }
  yield* TestClock.adjust("5 seconds")
  return { holds: (group: string) => holds(group).length, serves, registrations }
})

describe("a runner that comes back at its address with other placements, without having been found gone", () => {
  it.effect("no longer gets shards of those it does not serve any more", () =>
    Effect.gen(function* () {
      const { holds, registrations, serves } = yield* cluster(groups)
      const shared = holds("default")
      assert.isBelow(holds("region-eu"), shards)
      yield* serves(["default"])
      assert.strictEqual(holds("region-eu"), shards, "nobody else serves it")
      assert.strictEqual(holds("default"), shared, "the others are divided as before")
      assert.strictEqual(registrations(), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("gets its part of those that it serves now", () =>
    Effect.gen(function* () {
      const { holds, serves } = yield* cluster(["default"])
      assert.strictEqual(holds("region-eu"), shards)
      yield* serves(groups)
      assert.strictEqual(holds("region-eu"), holds("default"), "divided as what both serve")
    }).pipe(Effect.scoped)
  )
})
