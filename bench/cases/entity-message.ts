/**
 * Persisted calls to 1,000 plain entities, awaited, 64 in flight, in one process: the same entity over Clawster's
 * message storage and over the stock one.
 */
import { Effect, Layer } from "effect"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64
const keys = 1_000

export const entityMessage: Case = {
  ids: ["entity-message"],
  run: Effect.fnUntraced(function* (bench) {
    const ours = yield* Layer.build(Clawster.layerStockEntity(yield* bench.database("entity_message")))
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("entity_message_stock")))
    const client = yield* Effect.provide(Stock.StockCounter.client, ours)
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
        "entity-message",
        "calls/s",
        perSecond(rounds.ours),
        perSecond(rounds.theirs),
        `${latencyNote(rounds.ours)}; stock: ${latencyNote(rounds.theirs)}`
      )
    ]
  })
}
