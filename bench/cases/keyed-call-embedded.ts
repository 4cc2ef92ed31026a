/** Durable calls to 1,000 keyed actors, awaited, 64 in flight, actor and caller in one process. */
import { Effect, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64
const keys = 1_000

export const keyedCallEmbedded: Case = {
  ids: ["keyed-call-embedded"],
  run: Effect.fnUntraced(function* (bench) {
    const ours = yield* Layer.build(Clawster.layerEmbedded(yield* bench.database("embedded")))
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("embedded_stock")))
    const client = yield* Effect.provide(ActorClient.make(Counter), ours)
    const stock = yield* Effect.provide(Stock.StockCounter.client, theirs)
    const load = (seconds: number) =>
      Effect.orDie(forSeconds({ inFlight, seconds }, (n) => client(`key-${n % keys}`).Add({ by: 1 })))
    const stockLoad = (seconds: number) =>
      Effect.orDie(forSeconds({ inFlight, seconds }, (n) => stock(`key-${n % keys}`).Add({ by: 1 })))

    yield* Effect.all([load(2), stockLoad(2)])
    const rounds = yield* interleave(
      bench,
      () => load(bench.seconds),
      () => stockLoad(bench.seconds)
    )
    return [
      measured(
        "keyed-call-embedded",
        "calls/s",
        perSecond(rounds.ours),
        perSecond(rounds.theirs),
        latencyNote(rounds.ours)
      )
    ]
  })
}
