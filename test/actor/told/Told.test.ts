import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../../src/actor/memory/MemoryOwnership.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { layer as tellers, poison, Teller, unstorable } from "../../fixtures/Teller.ts"
import { inVirtualTime, untilVirtually } from "../../fixtures/VirtualTime.ts"

const withTellers = Effect.provide(MemoryCluster.withActors(tellers))

const pair = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  const client = yield* ActorClient.make(Teller)
  return { giver: client("giver"), taker: client("taker") }
})

const storedOf = (entityId: string) => Effect.map(MemoryStore, (store) => store.actors.get(`TestTeller/${entityId}`)!)

/** Drops the commits of one actor for as long as the answer says so. */
const failCommitsOf = (entityId: string, fails: () => boolean) =>
  Effect.map(MemoryStore, (store) => {
    store.faults.next = ({ address }) => (address.entityId === entityId && fails() ? "refuse" : "none")
  })

type Pair = Effect.Success<typeof pair>

const untilTaken = ({ taker }: Pair, ids: ReadonlyArray<string>) =>
  untilVirtually(
    `took ${ids.join()}`,
    Effect.map(inVirtualTime(taker.Get()), ({ taken }) => taken.join() === ids.join())
  )

const untilAllHeard = ({ giver }: Pair) =>
  untilVirtually(
    "heard that all was taken",
    Effect.map(inVirtualTime(giver.Get()), ({ given }) => given.length === 0)
  )

describe("What an actor tells", () => {
  it.effect("is decided by its receiver in one entry, and no message is stored", () =>
    Effect.gen(function* () {
      const both = yield* pair
      yield* both.giver.Give({ to: "taker", ids: ["a", "b", "c"] })
      yield* untilTaken(both, ["a", "b", "c"])
      yield* untilAllHeard(both)
      const { entries } = yield* storedOf("taker")
      assert.deepStrictEqual(
        entries.map(({ command, events, requestId, seq }) => [seq, command, requestId, events.length]),
        [[1, "Take", null, 3]]
      )
      assert.strictEqual((yield* storedOf("giver")).outbox.size, 0)
    }).pipe(withTellers)
  )

  it.effect("is not told when its commit fails", () =>
    Effect.gen(function* () {
      const { giver, taker } = yield* pair
      yield* failCommitsOf("giver", () => true)
      yield* inVirtualTime(Effect.flip(giver.Give({ to: "taker", ids: ["a"] }, { timeoutMillis: 2_000 })))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* inVirtualTime(taker.Get())).taken, [])
    }).pipe(withTellers)
  )

  it.effect("is told until the receiver's commit has succeeded", () =>
    Effect.gen(function* () {
      const both = yield* pair
      let failures = 3
      yield* failCommitsOf("taker", () => failures-- > 0)
      yield* both.giver.Give({ to: "taker", ids: ["a", "b"] })
      yield* untilTaken(both, ["a", "b"])
      yield* untilAllHeard(both)
      assert.isBelow(failures, 1)
    }).pipe(withTellers)
  )

  it.effect("is told by the sender's next activation when the former one could not", () =>
    Effect.gen(function* () {
      const both = yield* pair
      let isAway = true
      yield* failCommitsOf("taker", () => isAway)
      yield* both.giver.Give({ to: "taker", ids: ["a", "b"] })
      yield* TestClock.adjust("1 second")
      yield* (yield* MemoryOwnershipControl).revoke((yield* storedOf("giver")).address.shardId)
      isAway = false
      yield* untilTaken(both, ["a", "b"])
      yield* untilAllHeard(both)
    }).pipe(withTellers)
  )

  it.effect("is not told any more once the sender's state does not want it", () =>
    Effect.gen(function* () {
      const both = yield* pair
      let isAway = true
      yield* failCommitsOf("taker", () => isAway)
      yield* both.giver.Give({ to: "taker", ids: ["a", "b"] })
      yield* TestClock.adjust("1 second")
      yield* both.giver.Withdraw({ id: "a" })
      isAway = false
      yield* untilTaken(both, ["b"])
    }).pipe(withTellers)
  )

  it.effect("is dropped when the receiver throws on it, and those beside it are decided", () =>
    Effect.gen(function* () {
      const both = yield* pair
      yield* both.giver.Give({ to: "taker", ids: ["a", poison, "b"] })
      yield* untilTaken(both, ["a", "b"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* inVirtualTime(both.giver.Get())).given, [poison])
    }).pipe(withTellers)
  )

  it.effect("is dropped when the store cannot hold it, and those beside it are stored", () =>
    Effect.gen(function* () {
      const both = yield* pair
      yield* both.giver.Give({ to: "taker", ids: ["a", unstorable, "b"] })
      yield* untilTaken(both, ["a", "b"])
      const store = yield* MemoryStore
      assert.deepStrictEqual([...store.tables.get("taken")!.keys()], ["a", "b"])
    }).pipe(withTellers)
  )
})
