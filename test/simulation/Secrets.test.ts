/** An actor with a secret under faults: its secret is never in the store, and the run follows from its seed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Entity } from "effect/cluster"
import { Actor, ActorClient, actorLayer, command, protocol, Secret } from "../../src/index.ts"
import type { Watcher } from "../../src/testing/checks/Observation.ts"
import { Simulation, Workload } from "../../src/testing/index.ts"

const Safe = Entity.fromRpcGroup(
  "TestSafe",
  protocol(
    command("Put", { payload: { number: Schema.Int }, success: Schema.Int }),
    command("Tell", { success: Schema.Int })
  )
)
const State = Schema.Struct({ puts: Schema.Int, secret: Schema.optionalKey(Secret()) })
const Event = Schema.TaggedStruct("safe.put", { secret: Secret() })

const numberIn = ({ secret }: typeof State.Type): number =>
  secret === undefined ? 0 : Number(Redacted.value(secret).slice("hush-".length))

const safe = Actor.define<typeof State.Type, typeof Event.Type>()({
  entity: Safe,
  state: State,
  event: Event,
  stateVersion: 1,
  snapshotEvery: 8,
  initial: () => ({ puts: 0 }),
  evolve: ({ puts }, { secret }) => ({ puts: puts + 1, secret }),
  commands: {
    Put: ({ puts }, { number }) =>
      Actor.accept([{ _tag: "safe.put", secret: Redacted.make(`hush-${number}`) }], puts + 1),
    Tell: (state) => Actor.answer(numberIn(state))
  }
})

const workload = Effect.gen(function* () {
  const { call, repeat } = yield* Workload
  const client = (yield* ActorClient.make(Safe))("one")
  const actor = "TestSafe/one"
  let number = 0
  const step = Effect.gen(function* () {
    const requestId = `put-${++number}`
    yield* call({ actor, command: "Put", requestId, changes: true }, client.Put({ number }, { requestId }))
    yield* call({ actor, command: "Tell", reads: numberIn }, client.Tell())
  })
  yield* repeat(step, "200 millis")
})

class Seen {
  rows = 0
  snapshots = 0

  readonly inClear = (): Watcher => {
    return ({ fresh, store }) => {
      const snapshot = store.actors.get("TestSafe/one")?.snapshot
      this.rows += fresh.length
      if (snapshot !== undefined) this.snapshots++
      return JSON.stringify([fresh, snapshot]).includes("hush")
        ? [{ invariant: "I11", message: "a secret is stored in clear" }]
        : []
    }
  }
}

const run = (seed: number, seen: Seen) =>
  Simulation.run({
    actors: actorLayer(safe),
    definitions: [safe],
    reads: ["TestSafe"],
    workload,
    checks: [seen.inClear],
    seed,
    duration: "40 seconds",
    faults: { everyMillis: 2_500 }
  })

describe("A simulated run of an actor with a secret", () => {
  it.live("stores none in clear, gives it back after each move, and is the same for the same seed", () =>
    Effect.gen(function* () {
      const seen = new Seen()
      const first = yield* run(3, seen)
      assert.deepStrictEqual(first.violations, [])
      assert.isAbove(seen.rows, 50)
      assert.isAbove(seen.snapshots, 5)
      assert.isAbove(first.faults.length, 5)
      assert.strictEqual((yield* run(3, new Seen())).hash, first.hash)
    })
  )
})
