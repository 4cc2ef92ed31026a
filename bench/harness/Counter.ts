/** The least an actor can be: it counts. No view, no timers, no rows. */
import { Schema } from "effect"
import { Entity } from "effect/cluster"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"

export const Counter = Entity.fromRpcGroup(
  "BenchCounter",
  protocol(
    command("Add", { payload: { by: Schema.Int }, success: Schema.Int }),
    command("Get", { success: Schema.Int })
  )
)

const State = Schema.Struct({ total: Schema.Int })
const Event = Schema.TaggedStruct("counter.added", { by: Schema.Int })

const definition = Actor.define<typeof State.Type, typeof Event.Type>()({
  entity: Counter,
  state: State,
  event: Event,
  stateVersion: 1,
  initial: () => ({ total: 0 }),
  evolve: ({ total }, { by }) => ({ total: total + by }),
  commands: {
    Add: ({ total }, { by }) => Actor.accept([{ _tag: "counter.added", by }], total + by),
    Get: ({ total }) => Actor.answer(total)
  }
})

export const layer = ActorLayer.layer(definition)
