import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type CommitFault, MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { type Definition, entryWrites, PendingCommit } from "../../src/actor/commit/PendingCommit.ts"
import * as Codec from "../../src/actor/state/Codec.ts"
import { Counter, definition, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../fixtures/VirtualTime.ts"

const withCounter = Effect.provide(MemoryCluster.withActors(counterLayer()))

/** Messages of each commit of `a`. */
const sentByCommit = Effect.map(MemoryStore, (store) => {
  const sent: Array<number> = []
  store.faults.next = ({ address, outbox }): CommitFault => {
    if (address.entityId === "a") sent.push(outbox.length)
    return "none"
  }
  return sent
})

describe("a commit", () => {
  it.effect("takes no further command once it has as many messages as one may have", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const a = (yield* ActorClient.make(Counter))("a")
      yield* inVirtualTime(a.Get())
      const sent = yield* sentByCommit
      const passing = Array.from({ length: 4 }, () => a.Pass({ to: "b", by: 1, times: 1_500 }))
      yield* inVirtualTime(Effect.all(passing, { concurrency: "unbounded" }))
      assert.deepStrictEqual(sent, [3_000, 3_000])
    }).pipe(withCounter)
  )

  it("has nothing of a command that would write more than one may, and the next command is taken", () => {
    const context = { entityId: "a", now: 1, epoch: 1 }
    const counter = definition as unknown as Definition
    const pending = new PendingCommit(counter, Codec.make(counter), context, definition.initial("a"), 0)
    const pass = (times: number) =>
      pending.apply({
        _tag: "Command",
        tag: "Pass",
        payload: { to: "b", by: 1, times },
        requestId: `r${times}`,
        payloadHash: null
      })
    assert.throws(() => pass(entryWrites + 1), `${entryWrites} is the most`)
    assert.deepStrictEqual([pending.seq, pending.entries.length, pending.writes], [0, 0, 0])
    pass(entryWrites)
    assert.deepStrictEqual([pending.seq, pending.entries.length, pending.writes], [1, 1, entryWrites])
  })
})
