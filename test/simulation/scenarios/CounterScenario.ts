/**
 * Counters under load: adds with repeated request ids, reads, timers, work in the background and messages from one to
 * another.
 */
import { Effect, Random } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import type { Scenario } from "../../../src/testing/Scenario.ts"
import { Workload } from "../../../src/testing/Workload.ts"
import * as Counter from "../../fixtures/Counter.ts"

const keys = Array.from({ length: 12 }, (_, n) => `counter-${n}`)
const callers = 6

interface State {
  readonly total: number
}

const caller = (me: number) =>
  Effect.gen(function* () {
    const { call, repeat } = yield* Workload
    const client = yield* ActorClient.make(Counter.Counter)
    let n = 0
    const step = Effect.gen(function* () {
      const key = yield* Random.choice(keys)
      const actor = `TestCounter/${key}`
      const requestId = `request-${me}-${++n}`
      const by = yield* Random.nextIntBetween(1, 100)
      const add = call(
        { actor, command: "Add", requestId, changes: true },
        client(key).Add({ by }, { requestId, timeoutMillis: 20_000 })
      )
      switch (yield* Random.nextIntBetween(0, 9)) {
        case 0:
        case 1:
          return yield* call(
            { actor, command: "Get", reads: (state: State) => state.total },
            client(key).Get(undefined, { timeoutMillis: 20_000 })
          )
        case 2: {
          const at = Math.floor((yield* Effect.clockWith((clock) => clock.currentTimeMillis)) + by * 100)
          return yield* call(
            { actor, command: "AddLater", requestId, changes: true },
            client(key).AddLater({ by, at }, { requestId })
          )
        }
        case 3:
          return yield* call(
            { actor, command: "Pass", requestId, changes: true },
            client(key).Pass({ by, to: keys[(keys.indexOf(key) + 1) % keys.length]! }, { requestId })
          )
        case 4:
          return yield* call(
            { actor, command: "Work", requestId, changes: true },
            client(key).Work({ job: requestId }, { requestId })
          )
        case 5:
          yield* add
          return yield* add
        default:
          return yield* add
      }
    })
    yield* repeat(step, "150 millis")
  })

/**
 * Counters that are also told what they cannot take: a number on which the handler throws, one that it refuses, and a
 * name that the store refuses. The first blocks those behind it for two minutes.
 */
const poisoner = Effect.gen(function* () {
  const { call, repeat } = yield* Workload
  const client = yield* ActorClient.make(Counter.Counter)
  let n = 0
  const step = Effect.gen(function* () {
    const [key, to] = [yield* Random.choice(keys), yield* Random.choice(keys)]
    const requestId = `poison-${++n}`
    const actor = `TestCounter/${key}`
    const by = yield* Random.choice([1, 2_000, Counter.poison])
    yield* (yield* Random.nextBoolean)
      ? call(
          { actor, command: "PassName", requestId, changes: true },
          client(key).PassName({ to, name: Counter.unstorable }, { requestId })
        )
      : call({ actor, command: "Pass", requestId, changes: true }, client(key).Pass({ to, by }, { requestId }))
  })
  yield* repeat(step, "1 second")
})

export const scenario: Scenario = {
  actors: Counter.layer(() => Effect.sleep("700 millis")),
  definitions: [Counter.definition],
  reads: ["TestCounter"],
  workload: Effect.forEach(
    Array.from({ length: callers }, (_, n) => n),
    caller,
    { concurrency: "unbounded", discard: true }
  ),
  probe: (n) =>
    Effect.flatMap(ActorClient.make(Counter.Counter), (client) => client(keys[n % keys.length]!).Add({ by: 1 }))
}

export const poisoned: Scenario = {
  ...scenario,
  workload: Effect.all([scenario.workload, poisoner], { concurrency: "unbounded", discard: true }),
  settleMillis: 900_000
}
