/**
 * The keyed call of `keyed-call` on one, two and three runners that share the machine: what it costs that actors are
 * spread.
 */
import { Effect, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Case, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"

const inFlight = 64
const keys = 1_000
const counts = [1, 2, 3]

export const runners: Case = {
  ids: counts.map((count) => `runners-${count}`),
  run: (bench) =>
    Effect.forEach(counts, (count) =>
      Effect.scoped(
        Effect.gen(function* () {
          const url = yield* bench.database(`runners_${count}`)
          for (let n = 0; n < count; n++) yield* Clawster.startRunner("clawster", url)
          const client = yield* ActorClient.make(Counter).pipe(
            Effect.provide(yield* Layer.build(Clawster.layerClient(url)))
          )
          const call = (n: number) => client(`key-${n % keys}`).Add({ by: 1 })
          yield* Effect.orDie(forSeconds({ inFlight, seconds: 3 }, call))
          const loads = yield* Effect.orDie(
            Effect.replicateEffect(forSeconds({ inFlight, seconds: bench.seconds }, call), Math.min(3, bench.rounds))
          )
          return measured(`runners-${count}`, "calls/s", perSecond(loads), [], latencyNote(loads))
        })
      )
    )
}
