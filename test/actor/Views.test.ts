import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../fixtures/VirtualTime.ts"

const Note = Entity.fromRpcGroup(
  "TestNote",
  protocol(
    command("Write", { payload: { text: Schema.String } }),
    command("Give", { payload: { tenantId: Schema.String } })
  )
)
const State = Schema.Struct({ isWritten: Schema.Boolean, tenantId: Schema.String })
const Event = Schema.Union([
  Schema.TaggedStruct("note.written", { text: Schema.String }),
  Schema.TaggedStruct("note.given", { tenantId: Schema.String })
])

const notes = ActorLayer.layer(
  Actor.define<typeof State.Type, typeof Event.Type>()({
    entity: Note,
    state: State,
    event: Event,
    stateVersion: 1,
    initial: () => ({ isWritten: false, tenantId: "acme" }),
    evolve: (state, event) =>
      event._tag === "note.written" ? { ...state, isWritten: true } : { ...state, tenantId: event.tenantId },
    commands: {
      Write: (_, { text }) => Actor.accept([{ _tag: "note.written", text }], undefined),
      Give: (_, { tenantId }) => Actor.accept([{ _tag: "note.given", tenantId }], undefined)
    },
    view: {
      schema: Schema.Struct({ isWritten: Schema.Boolean }),
      of: ({ isWritten, tenantId }) => ({ tenantId, doc: { isWritten } })
    }
  })
)

const Lamp = Entity.fromRpcGroup("TestLamp", protocol(command("Set", { payload: { on: Schema.Boolean } })))
const lampViews = { on: { doc: { on: true } }, off: { doc: { on: false } } }

/** Its view is one of two objects. */
const lamps = ActorLayer.layer(
  Actor.define<{ readonly on: boolean }, { readonly _tag: "lamp.set"; readonly on: boolean }>()({
    entity: Lamp,
    state: Schema.Struct({ on: Schema.Boolean }),
    event: Schema.TaggedStruct("lamp.set", { on: Schema.Boolean }),
    stateVersion: 1,
    initial: () => ({ on: false }),
    evolve: (_, { on }) => ({ on }),
    commands: { Set: (_, { on }) => Actor.accept([{ _tag: "lamp.set", on }], undefined) },
    view: { schema: Schema.Struct({ on: Schema.Boolean }), of: ({ on }) => (on ? lampViews.on : lampViews.off) }
  })
)

const note = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  return (yield* ActorClient.make(Note))("a")
})

const written = Effect.map(MemoryStore, ({ actors }) => actors.get("TestNote/a")?.view)

describe("The view of an actor", () => {
  it.effect("is written with the part of a refused batch that is sound, though the batch had shown the same", () =>
    Effect.gen(function* () {
      const one = yield* note
      yield* one.Give({ tenantId: "acme" })
      const store = yield* MemoryStore
      store.faults.next = ({ entries }) => (JSON.stringify(entries).includes("bad") ? "reject" : "none")
      const writing = ["good", "bad"].map((text) => Effect.result(one.Write({ text })))
      const outcomes = yield* inVirtualTime(Effect.all(writing, { concurrency: "unbounded" }))
      assert.deepStrictEqual(outcomes.map(Result.isSuccess), [true, false])
      assert.deepStrictEqual(yield* written, { tenantId: "acme", doc: { isWritten: true } })
    }).pipe(Effect.provide(MemoryCluster.withActors(notes)))
  )

  it.effect("is written when its tenant alone has changed", () =>
    Effect.gen(function* () {
      const one = yield* note
      yield* one.Give({ tenantId: "acme" })
      yield* one.Give({ tenantId: "other" })
      assert.strictEqual((yield* written)?.tenantId, "other")
    }).pipe(Effect.provide(MemoryCluster.withActors(notes)))
  )

  it.effect("is the present one when an object that it was before comes back", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const lamp = (yield* ActorClient.make(Lamp))("a")
      const { actors } = yield* MemoryStore
      for (const on of [true, true, false, true, true, false]) {
        yield* lamp.Set({ on })
        assert.deepStrictEqual(actors.get("TestLamp/a")?.view, { tenantId: null, doc: { on } })
      }
    }).pipe(Effect.provide(MemoryCluster.withActors(lamps)))
  )
})
