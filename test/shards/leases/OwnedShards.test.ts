import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Stream } from "effect"
import { TestClock } from "effect/testing"
import { changesHeld, Ownership } from "../../../src/actor/Ownership.ts"
import { OwnedShards, layer } from "../../../src/shards/leases/OwnedShards.ts"

describe("changes of ownership", () => {
  it.effect("are kept up to a bound for a follower that does not take them, and it gets the latest", () =>
    Effect.gen(function* () {
      const held = yield* OwnedShards
      const { changes, owned } = yield* Ownership
      const gate = yield* Latch.make()
      const taken: Array<string> = []
      yield* changes.pipe(
        Stream.runForEach(({ acquired }) => Effect.as(gate.await, taken.push(...acquired))),
        Effect.forkScoped
      )
      yield* TestClock.adjust(1)
      const many = 20 * changesHeld
      for (let n = 0; n < many; n++) yield* held.gained([{ shardId: `shard:${n}`, epoch: 1 }])
      yield* gate.open
      for (let step = 0; step < 50; step++) yield* TestClock.adjust(1)
      assert.strictEqual(taken.at(-1), `shard:${many - 1}`)
      assert.isAtMost(taken.length, 4 * changesHeld)
      assert.strictEqual((yield* owned).length, many)
    }).pipe(Effect.provide(layer))
  )
})
