/** What a decision hands to the shell, and what the shell tells other actors by itself. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Schema } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actor/Actor.ts"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../../src/actor/memory/MemoryOwnership.ts"
import { command, protocol } from "../../../src/actor/Protocol.ts"
import { tellTo } from "../../../src/actor/Send.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

const Note = command("Note", { payload: { text: Schema.String, keep: Schema.Boolean } })
const Count = command("Count", { success: Schema.Int })
const Noter = Entity.fromRpcGroup("TestNoter", protocol(Note, Count))
const Kept = Schema.TaggedStruct("noter.kept", {})

/** Keeps what it is asked to keep, and hands every text to its shell. */
const definition = Actor.define<number, typeof Kept.Type>()({
  entity: Noter,
  state: Schema.Int,
  event: Kept,
  stateVersion: 1,
  initial: () => 0,
  evolve: (state) => state + 1,
  commands: {
    Note: (_, { keep, text }) => ({
      ...Actor.accept<typeof Kept.Type, void>(keep ? [{ _tag: "noter.kept" }] : [], undefined),
      hand: [{ _tag: text }]
    }),
    Count: (state) => Actor.answer(state)
  }
})

interface Taken {
  readonly text: string
  readonly epoch: number
  readonly committed: number
}

/** `told`: what the shell tells the actor "b" for each text that "a" hands to it. */
const noters = (told = false) => {
  const taken: Array<Taken> = []
  let heard = 0
  const b = { entityType: Noter.type, entityId: "b" }
  const layer = ActorLayer.layer(definition, {
    take: (handed, self) =>
      Effect.suspend(() => {
        for (const { _tag } of handed) taken.push({ text: _tag, epoch: self.epoch, committed: self.committed() })
        if (!told || self.entityId === "b") return Effect.void
        return self.tellOthers(
          handed.map(({ _tag }) =>
            tellTo(
              b,
              Note,
              { text: _tag, keep: true },
              () => true,
              () => heard++
            )
          )
        )
      })
  })
  return { taken, heard: () => heard, cluster: MemoryCluster.withActors(layer as Layer.Layer<never>) }
}

const client = Effect.andThen(TestClock.adjust(1), ActorClient.make(Noter))

describe("What a decision hands to the shell", () => {
  it.effect("is taken before the reply and after the commit, in order, also when nothing is committed", () => {
    const { cluster, taken } = noters()
    return Effect.gen(function* () {
      const noter = (yield* client)("a")
      yield* noter.Note({ text: "one", keep: true })
      assert.deepStrictEqual(taken, [{ text: "one", epoch: 1, committed: 1 }])
      for (const text of ["two", "three", "four"]) yield* noter.Note({ text, keep: false })
      assert.deepStrictEqual(taken.map(({ text }) => text).slice(1), ["two", "three", "four"])
    }).pipe(Effect.provide(cluster))
  })

  it.effect("is not taken when the commit fails, until the request is decided again", () => {
    const { cluster, taken } = noters()
    return Effect.gen(function* () {
      const store = yield* MemoryStore
      let failures = 1
      store.faults.next = () => (failures-- > 0 ? "refuse" : "none")
      yield* Effect.forkChild((yield* client)("a").Note({ text: "one", keep: true }))
      yield* untilVirtually(
        "it is taken",
        Effect.sync(() => taken.length > 0)
      )
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        taken.map(({ committed, text }) => [text, committed]),
        [["one", 1]]
      )
    }).pipe(Effect.provide(cluster))
  })

  it.effect("can be told by the shell without a commit of its own, and the shell learns that it was heard", () => {
    const { cluster, heard, taken } = noters(true)
    return Effect.gen(function* () {
      const noter = yield* client
      yield* noter("a").Note({ text: "one", keep: false })
      yield* untilVirtually(
        "it is heard",
        Effect.sync(() => heard() === 1)
      )
      assert.strictEqual(yield* noter("b").Count(), 1)
      assert.strictEqual((yield* MemoryStore).actors.get("TestNoter/a")?.entries.length ?? 0, 0)
      assert.deepStrictEqual(
        taken.map(({ text }) => text),
        ["one", "one"]
      )
    }).pipe(Effect.provide(cluster))
  })

  it.effect("is of one owner: the next one tells nothing of it", () => {
    const { cluster, heard } = noters(true)
    return Effect.gen(function* () {
      const noter = yield* client
      const store = yield* MemoryStore
      yield* noter("b").Note({ text: "first", keep: true })
      store.faults.next = ({ address }) => (address.entityId === "b" ? "refuse" : "none")
      yield* noter("a").Note({ text: "one", keep: true })
      const control = yield* MemoryOwnershipControl
      yield* control.revoke(store.actors.get("TestNoter/a")!.address.shardId)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(Effect.ignore(noter("a").Count()))
      yield* TestClock.adjust("1 second")
      store.faults.next = () => "none"
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(heard(), 0)
    }).pipe(Effect.provide(cluster))
  })
})
