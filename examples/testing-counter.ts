/**
 * An actor of your own on a simulated cluster: three runners on virtual time, which crash, freeze and lose their
 * network and their store by the seed. Run it with `node examples/testing-counter.ts`, or with a seed: `node
 * examples/testing-counter.ts 42`.
 */
import { Effect, Random, Schema } from "effect"
import { Entity } from "effect/cluster"
import { Actor, ActorClient, actorLayer, command, protocol } from "../src/index.ts"
import { Simulation, Workload } from "../src/testing/index.ts"

const Tally = Entity.fromRpcGroup(
  "ExampleTally",
  protocol(
    command("Add", { payload: { by: Schema.Int }, success: Schema.Int }),
    command("Total", { success: Schema.Int })
  )
)

const State = Schema.Struct({ total: Schema.Int })
const Event = Schema.TaggedStruct("tally.added", { by: Schema.Int })

const tally = Actor.define<typeof State.Type, typeof Event.Type>()({
  entity: Tally,
  state: State,
  event: Event,
  stateVersion: 1,
  initial: () => ({ total: 0 }),
  evolve: ({ total }, { by }) => ({ total: total + by }),
  commands: {
    Add: ({ total }, { by }) => Actor.accept([{ _tag: "tally.added", by }], total + by),
    Total: ({ total }) => Actor.answer(total)
  }
})

const keys = ["ada", "bob", "cyd"]

const workload = Effect.gen(function* () {
  const { call, repeat } = yield* Workload
  const client = yield* ActorClient.make(Tally)
  let n = 0
  const step = Effect.gen(function* () {
    const key = yield* Random.choice(keys)
    const requestId = `add-${++n}`
    const add = client(key).Add({ by: 1 }, { requestId })
    yield* call({ actor: `ExampleTally/${key}`, command: "Add", requestId, changes: true }, add)
    yield* call(
      { actor: `ExampleTally/${key}`, command: "Total", reads: (state: typeof State.Type) => state.total },
      client(key).Total()
    )
  })
  yield* repeat(step, "200 millis")
})

export const scenario: Simulation.Scenario = {
  actors: actorLayer(tally),
  definitions: [tally],
  reads: ["ExampleTally"],
  workload,
  probe: (n) => Effect.flatMap(ActorClient.make(Tally), (client) => client(keys[n % keys.length]!).Add({ by: 1 }))
}

export const program = (seed: number) => Simulation.run({ ...scenario, seed, duration: "2 minutes", faults: {} })

if (import.meta.main) {
  const report = await Effect.runPromise(program(Number(process.argv[2] ?? 1)))
  console.log(report.timeline())
  console.log(
    `${report.commits} entries, ${report.faults.length} faults, ${report.virtualMillis / 1_000} s in ${report.wallMillis.toFixed(0)} ms`
  )
  console.log(report.violations.length === 0 ? "every guarantee held" : report.violations)
}
