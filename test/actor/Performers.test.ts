import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { performers } from "../../src/actor/Performers.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime, untilVirtually } from "../fixtures/VirtualTime.ts"

const Parcel = Entity.fromRpcGroup(
  "TestParcel",
  protocol(command("Order", {}), command("Step", { success: Schema.String }))
)

const State = Schema.Struct({ step: Schema.Literals(["new", "packing", "sending", "sent"]) })
const Event = Schema.Union([
  Schema.TaggedStruct("parcel.ordered", {}),
  Schema.TaggedStruct("parcel.packed", { weight: Schema.Int }),
  Schema.TaggedStruct("parcel.sent", {})
])
type Signal = { readonly _tag: "Packed"; readonly weight: number } | { readonly _tag: "Sent" }
type Activity =
  | { readonly _tag: "Pack"; readonly key: string; readonly box: string }
  | { readonly _tag: "Send"; readonly key: string }

const steps = { "parcel.ordered": "packing", "parcel.packed": "sending", "parcel.sent": "sent" } as const

const parcel = Actor.define<typeof State.Type, typeof Event.Type, Signal, Activity>()({
  entity: Parcel,
  state: State,
  event: Event,
  stateVersion: 1,
  initial: () => ({ step: "new" }),
  evolve: (_, { _tag }) => ({ step: steps[_tag] }),
  commands: {
    Order: () => Actor.accept([{ _tag: "parcel.ordered" }], undefined),
    Step: ({ step }) => Actor.answer(step)
  },
  signal: (_, signal) =>
    Actor.note([signal._tag === "Packed" ? { _tag: "parcel.packed", weight: signal.weight } : { _tag: "parcel.sent" }]),
  activities: ({ step }) => {
    if (step === "packing") return [{ _tag: "Pack", key: "pack", box: "small" }]
    return step === "sending" ? [{ _tag: "Send", key: "send" }] : []
  }
})

// @ts-expect-error: an activity has nothing that performs it
export const withoutSend = performers(parcel)({ Pack: (_, self) => self.report({ _tag: "Packed", weight: 1 }) })

export const strange = performers(parcel)({
  // @ts-expect-error: the actor knows no such signal
  Pack: (_, self) => self.report({ _tag: "Lost" }),
  Send: (_, self) => self.report({ _tag: "Sent" })
})

/** `log` gets what each activity does, and what it lives to see of its report. */
const parcels = (log: Array<string>) => {
  const noted = (text: string) => Effect.sync(() => void log.push(text))
  return ActorLayer.layer(parcel, {
    perform: performers(parcel)({
      Pack: ({ box }, self) =>
        noted(`packs ${box}`).pipe(
          Effect.andThen(self.report({ _tag: "Packed", weight: 7 })),
          Effect.andThen(noted("packed")),
          Effect.onInterrupt(() => noted("interrupted"))
        ),
      Send: (_, self) => Effect.andThen(noted("sends"), self.report({ _tag: "Sent" }))
    })
  })
}

const order = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  const one = (yield* ActorClient.make(Parcel))("a")
  yield* inVirtualTime(one.Order())
  yield* untilVirtually(
    "sent",
    Effect.map(inVirtualTime(one.Step()), (step) => step === "sent")
  )
})

describe("The activities of an actor", () => {
  it.effect("are each performed by what the table has for their tag", () => {
    const log: Array<string> = []
    return Effect.gen(function* () {
      yield* order
      assert.deepStrictEqual(log, ["packs small", "packed", "sends"])
    }).pipe(Effect.provide(MemoryCluster.withActors(parcels(log))))
  })

  it.effect("wait for their interruption when their report is not committed, and run again after it", () => {
    const log: Array<string> = []
    return Effect.gen(function* () {
      const store = yield* MemoryStore
      let refused = false
      store.faults.next = ({ entries }) => {
        if (refused || !JSON.stringify(entries).includes("parcel.packed")) return "none"
        refused = true
        return "refuse"
      }
      yield* order
      assert.deepStrictEqual(log, ["packs small", "interrupted", "packs small", "packed", "sends"])
    }).pipe(Effect.provide(MemoryCluster.withActors(parcels(log))))
  })
})
