import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

const snapshotEvery = 10

const Tally = Entity.fromRpcGroup("TestTally", protocol(command("Put", { payload: { events: Schema.Int } })))
const State = Schema.Struct({ total: Schema.Int })
const Event = Schema.TaggedStruct("tally.put", {})

const tally = ActorLayer.layer(
  Actor.define<typeof State.Type, typeof Event.Type>()({
    entity: Tally,
    state: State,
    event: Event,
    stateVersion: 1,
    initial: () => ({ total: 0 }),
    evolve: ({ total }) => ({ total: total + 1 }),
    commands: {
      Put: (_, { events }) =>
        Actor.accept(
          Array.from({ length: events }, () => ({ _tag: "tally.put" as const })),
          undefined
        )
    },
    snapshotEvery
  })
)

const snapshotAfter = (puts: number, events: number) =>
  Effect.gen(function* () {
    yield* TestClock.adjust(1)
    const one = (yield* ActorClient.make(Tally))("a")
    for (let n = 0; n < puts; n++) yield* one.Put({ events })
    yield* TestClock.adjust(1)
    return (yield* MemoryStore).actors.get("TestTally/a")?.snapshot?.seq
  }).pipe(Effect.provide(MemoryCluster.withActors(tally)))

describe("A snapshot", () => {
  it.effect("is taken after so many entries", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* snapshotAfter(snapshotEvery - 1, 1))
      assert.strictEqual(yield* snapshotAfter(snapshotEvery, 1), snapshotEvery)
    })
  )

  it.effect("comes after fewer entries when they hold many events, so that an actor loads as quickly", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* snapshotAfter(3, 40), 2)
    })
  )
})
