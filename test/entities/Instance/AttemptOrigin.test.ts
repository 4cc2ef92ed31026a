/** The instance knows neither lanes nor sessions: it answers whatever actor asked for an attempt. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Entity } from "effect/cluster"
import * as Actor from "../../../src/actor/Actor.ts"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import { command, protocol } from "../../../src/actor/Protocol.ts"
import { send } from "../../../src/actor/Send.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { AttemptEnded, AttemptRefused } from "../../../src/rpc/AttemptRpcs.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime, untilVirtually } from "../../fixtures/VirtualTime.ts"
import { attempt, entityIdOf, instances, started } from "./InstanceRig.ts"

/** An actor of a type that the instance has never heard of. */
const Asker = Entity.fromRpcGroup(
  "TestAsker",
  protocol(
    command("Ask", { payload: { message: Schema.String } }),
    command("Heard", { payload: {}, success: Schema.Array(Schema.String) }),
    AttemptEnded,
    AttemptRefused
  )
)

const asker = Actor.define<ReadonlyArray<string>, { readonly _tag: "asked" | "heard"; readonly what: string }>()({
  entity: Asker,
  state: Schema.Array(Schema.String),
  event: Schema.Union([
    Schema.TaggedStruct("asked", { what: Schema.String }),
    Schema.TaggedStruct("heard", { what: Schema.String })
  ]),
  stateVersion: 1,
  initial: () => [],
  evolve: (state, { _tag, what }) => (_tag === "heard" ? [...state, what] : state),
  commands: {
    Ask: (_, { message }, { entityId }) => {
      const { taskId: _task, ...rest } = attempt("q1", message, { origin: { entityType: Asker.type, entityId } })
      return Actor.accept([{ _tag: "asked", what: message }], undefined, [
        send(Instance, entityIdOf("a"), "Execute", { attempt: rest })
      ])
    },
    Heard: (state) => Actor.answer(state),
    AttemptEnded: (_, { outcome }) => Actor.accept([{ _tag: "heard", what: outcome._tag }], undefined),
    AttemptRefused: (_, { reason }) => Actor.accept([{ _tag: "heard", what: `refused: ${reason}` }], undefined)
  }
})

const withAsker = Effect.provide(
  Layer.merge(instances(), ActorLayer.layer(asker)).pipe(Layer.provideMerge(MemoryCluster.layer))
)

const one = Effect.map(ActorClient.make(Asker), (client) => client("one"))
const heard = Effect.flatMap(one, ({ Heard }) => Heard({}))
const ask = inVirtualTime(Effect.flatMap(one, ({ Ask }) => Ask({ message: "hello" })))

describe("An actor of any type that has an instance run an attempt", () => {
  it.effect("is told of its end", () =>
    Effect.gen(function* () {
      yield* started("a")
      yield* ask
      yield* untilVirtually(
        "the end was told",
        Effect.map(heard, ({ length }) => length > 0)
      )
      assert.deepStrictEqual(yield* heard, ["completed"])
    }).pipe(withAsker)
  )

  it.effect("is told of a refusal", () =>
    Effect.gen(function* () {
      yield* ask
      yield* untilVirtually(
        "the refusal was told",
        Effect.map(heard, ({ length }) => length > 0)
      )
      assert.deepStrictEqual(yield* heard, ["refused: instance a is not registered"])
    }).pipe(withAsker)
  )
})
