import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../src/actor/memory/MemoryOwnership.ts"
import { Counter, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../fixtures/VirtualTime.ts"

const withCounter = (perform?: Parameters<typeof counterLayer>[0]) =>
  Effect.provide(MemoryCluster.withActors(counterLayer(perform)))

const settled = TestClock.adjust(1)

const entriesOf = (entityId: string) =>
  Effect.map(MemoryStore, (store) => store.actors.get(`TestCounter/${entityId}`)?.entries ?? [])

const shardOf = (entityId: string) =>
  Effect.map(MemoryStore, (store) => store.actors.get(`TestCounter/${entityId}`)!.address.shardId)

describe("An actor", () => {
  it.effect("answers after the commit and keeps what it said", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      assert.strictEqual(yield* counter.Add({ by: 2 }), 2)
      assert.strictEqual(yield* counter.Add({ by: 3 }), 5)
      assert.strictEqual(yield* counter.Get(), 5)
      assert.deepStrictEqual(
        (yield* entriesOf("a")).map(({ seq }) => seq),
        [1, 2]
      )
    }).pipe(withCounter())
  )

  it.effect("writes nothing for a refusal or a read", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      const refusal = yield* Effect.flip(counter.Add({ by: 2_000 }))
      assert.strictEqual(refusal._tag, "TooMuch")
      yield* counter.Get()
      assert.strictEqual((yield* entriesOf("a")).length, 0)
    }).pipe(withCounter())
  )

  it.effect("gives a repeated request id its recorded answer and does the command once", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      const first = yield* counter.Add({ by: 2 }, { requestId: "r1" })
      yield* counter.Add({ by: 10 })
      const again = yield* counter.Add({ by: 2 }, { requestId: "r1" })
      assert.strictEqual(again, first)
      assert.strictEqual(yield* counter.Get(), 12)
    }).pipe(withCounter())
  )

  it.effect("refuses an idempotency key that comes back with another payload", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.Add({ by: 2 }, { requestId: "k", fingerprint: "two" })
      const error = yield* Effect.flip(counter.Add({ by: 3 }, { requestId: "k", fingerprint: "three" }))
      assert.strictEqual(error._tag, "IdempotencyConflict")
      assert.strictEqual(yield* counter.Get(), 2)
    }).pipe(withCounter())
  )

  it.effect("does a command once when the reply of its commit is lost", () =>
    Effect.gen(function* () {
      yield* settled
      const store = yield* MemoryStore
      const counter = (yield* ActorClient.make(Counter))("a")
      let lost = 0
      store.faults.next = () => (lost++ === 0 ? "lose-reply" : "none")
      assert.strictEqual(yield* inVirtualTime(counter.Add({ by: 7 })), 7)
      assert.strictEqual(yield* counter.Get(), 7)
      assert.strictEqual((yield* entriesOf("a")).length, 1)
    }).pipe(withCounter())
  )

  it.effect("forgets a decision whose commit was lost, and decides it again", () =>
    Effect.gen(function* () {
      yield* settled
      const store = yield* MemoryStore
      const counter = (yield* ActorClient.make(Counter))("a")
      let lost = 0
      store.faults.next = () => (lost++ === 0 ? "refuse" : "none")
      assert.strictEqual(yield* inVirtualTime(counter.Add({ by: 7 })), 7)
      assert.strictEqual((yield* entriesOf("a")).length, 1)
    }).pipe(withCounter())
  )

  it.effect("lands nothing under an epoch that another owner has passed", () =>
    Effect.gen(function* () {
      yield* settled
      const store = yield* MemoryStore
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.Add({ by: 1 })
      const shardId = yield* shardOf("a")
      store.epochs.set(shardId, store.epochs.get(shardId)! + 1)
      const error = yield* Effect.flip(inVirtualTime(counter.Add({ by: 1 }, { timeoutMillis: 2_000 })))
      assert.strictEqual(error._tag, "ActorUnavailable")
      assert.strictEqual((yield* entriesOf("a")).length, 1)
      yield* (yield* MemoryOwnershipControl).revoke(shardId)
      assert.strictEqual(yield* inVirtualTime(counter.Add({ by: 1 })), 2)
    }).pipe(withCounter())
  )

  it.effect("folds the same state from the journal and from a snapshot", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      for (let n = 1; n <= 12; n++) yield* counter.Add({ by: n })
      yield* settled
      const store = yield* MemoryStore
      assert.isAtLeast(store.actors.get("TestCounter/a")!.snapshot?.seq ?? 0, 10)
      yield* (yield* MemoryOwnershipControl).revoke(yield* shardOf("a"))
      assert.strictEqual(yield* inVirtualTime(counter.Get()), 78)
      assert.strictEqual(yield* inVirtualTime(counter.Add({ by: 2 })), 80)
    }).pipe(withCounter())
  )

  it.effect("answers a request id from before its snapshot", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      const first = yield* counter.Add({ by: 5 }, { requestId: "old", fingerprint: "f" })
      for (let n = 1; n <= 12; n++) yield* counter.Add({ by: n })
      yield* settled
      yield* (yield* MemoryOwnershipControl).revoke(yield* shardOf("a"))
      assert.strictEqual(yield* inVirtualTime(counter.Add({ by: 5 }, { requestId: "old", fingerprint: "f" })), first)
      assert.strictEqual(yield* counter.Get(), 83)
    }).pipe(withCounter())
  )

  it.effect("lets many commands of one actor share a commit", () =>
    Effect.gen(function* () {
      yield* settled
      const store = yield* MemoryStore
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.Get()
      const before = store.commits
      yield* Effect.forEach(Array.from({ length: 100 }), () => counter.Add({ by: 1 }), { concurrency: "unbounded" })
      assert.strictEqual(yield* counter.Get(), 100)
      assert.isBelow(store.commits - before, 20)
    }).pipe(withCounter())
  )

  it.effect("delivers a message to another actor once, also when the first delivery's reply is lost", () =>
    Effect.gen(function* () {
      yield* settled
      const store = yield* MemoryStore
      const counter = yield* ActorClient.make(Counter)
      yield* counter("b").Get()
      let lost = 0
      store.faults.next = (commit) => (commit.address.entityId === "b" && lost++ === 0 ? "lose-reply" : "none")
      yield* counter("a").Pass({ to: "b", by: 4 })
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* counter("b").Get(), 4)
      assert.isAbove(lost, 0)
      assert.strictEqual(store.actors.get("TestCounter/a")!.outbox.size, 0)
    }).pipe(withCounter())
  )

  it.effect("keeps the order of messages between two actors", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = yield* ActorClient.make(Counter)
      for (let n = 1; n <= 50; n++) yield* counter("a").Pass({ to: "b", by: n })
      yield* TestClock.adjust("1 seconds")
      const added = (yield* entriesOf("b")).flatMap(({ events }) => events.map((event: any) => event.by))
      assert.deepStrictEqual(
        added,
        Array.from({ length: 50 }, (_, n) => n + 1)
      )
    }).pipe(withCounter())
  )

  it.effect("fires a timer when it is due, not before, and once", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.AddLater({ by: 9, at: 60_000 })
      yield* TestClock.setTime(59_900)
      assert.strictEqual(yield* counter.Get(), 0)
      yield* TestClock.setTime(60_100)
      assert.strictEqual(yield* counter.Get(), 9)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* counter.Get(), 9)
    }).pipe(withCounter())
  )

  it.effect("fires a timer of an actor that has left memory", () =>
    Effect.gen(function* () {
      yield* settled
      const counter = (yield* ActorClient.make(Counter))("a")
      yield* counter.AddLater({ by: 9, at: 3_600_000 })
      yield* TestClock.adjust("30 minutes")
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* entriesOf("a")).length, 2)
      assert.strictEqual(yield* counter.Get(), 9)
    }).pipe(withCounter())
  )

  it.effect("starts an activity again after the actor moved, and ends it once", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let begun = 0
      const perform = () =>
        Effect.andThen(
          Effect.sync(() => begun++),
          Deferred.await(gate)
        )
      yield* Effect.gen(function* () {
        yield* settled
        const counter = (yield* ActorClient.make(Counter))("a")
        yield* counter.Work({ job: "j" })
        yield* settled
        assert.strictEqual(begun, 1)
        yield* (yield* MemoryOwnershipControl).revoke(yield* shardOf("a"))
        yield* inVirtualTime(counter.Get())
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual(begun, 2)
        yield* Deferred.succeed(gate, undefined)
        yield* settled
        assert.strictEqual(yield* counter.Get(), 1)
      }).pipe(withCounter(perform))
    })
  )

  it.effect("stays in memory while an activity is under way", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const perform = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      yield* Effect.gen(function* () {
        yield* settled
        const counter = (yield* ActorClient.make(Counter))("a")
        yield* counter.Work({ job: "j" })
        yield* TestClock.adjust("1 hours")
        assert.strictEqual(interrupted, 0)
      }).pipe(withCounter(perform))
    })
  )
})
