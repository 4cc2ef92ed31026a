/**
 * Submits at 1,000 a second whatever becomes of them, while the tasks also run: time from when a submit was due until
 * it was durable.
 */
import { Effect, Layer } from "effect"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Fleet from "../harness/fleet.ts"
import { atRate, latencyNote } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const rate = 1_000

export const accept: Case = {
  ids: ["accept-p99"],
  run: Effect.fnUntraced(function* (bench) {
    const fleet = yield* Fleet.make(yield* bench.database("accept"), Fleet.shape)
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("accept_stock")))
    const stock = yield* Effect.provide(Stock.StockCounter.client, theirs)
    let keys = 0
    const load = (seconds: number) => atRate({ perSecond: rate, seconds }, fleet.submit)
    const stockLoad = (seconds: number) =>
      Effect.orDie(
        atRate({ perSecond: rate, seconds }, (n) =>
          stock(`key-${n % 1_000}`).Fire({ key: `fire-${keys++}` }, { discard: true })
        )
      )

    yield* load(1)
    yield* stockLoad(1)
    const rounds = yield* interleave(
      bench,
      () => load(bench.seconds),
      () => stockLoad(bench.seconds)
    )
    return [
      measured(
        "accept-p99",
        "ms",
        rounds.ours.map(({ p99 }) => p99),
        rounds.theirs.map(({ p99 }) => p99),
        `${latencyNote(rounds.ours)}; stock discard: ${latencyNote(rounds.theirs)}`
      )
    ]
  })
}
