/**
 * Tasks accepted durably, 1,000 a call, 4 calls in flight, into lanes that no instance serves. Stock has no bulk call:
 * its baseline is discard, one by one.
 */
import { Effect, Layer } from "effect"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Fleet from "../harness/fleet.ts"
import { forSeconds } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const tasksACall = 1_000

export const bulkSubmit: Case = {
  ids: ["bulk-submit"],
  run: Effect.fnUntraced(function* (bench) {
    const lanes = yield* Fleet.make(yield* bench.database("bulk_submit"), { instances: 0, slots: 1, lanes: 4 })
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("bulk_submit_stock")))
    const stock = yield* Effect.provide(Stock.StockCounter.client, theirs)
    let keys = 0
    const load = (seconds: number) =>
      forSeconds({ inFlight: 4, seconds }, (n) => lanes.submitMany(n, tasksACall)).pipe(
        Effect.map(({ perSecond }) => perSecond * tasksACall)
      )
    const stockLoad = (seconds: number) =>
      forSeconds({ inFlight: 64, seconds }, (n) =>
        stock(`key-${n % 1_000}`).Fire({ key: `fire-${keys++}` }, { discard: true })
      ).pipe(
        Effect.orDie,
        Effect.map(({ perSecond }) => perSecond)
      )

    yield* load(1)
    yield* stockLoad(1)
    const rounds = yield* interleave(
      bench,
      () => load(Math.min(2, bench.seconds)),
      () => stockLoad(bench.seconds)
    )
    return [measured("bulk-submit", "tasks/s", rounds.ours, rounds.theirs, "stock one by one: it has no bulk call")]
  })
}
