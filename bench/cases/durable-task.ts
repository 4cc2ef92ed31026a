/**
 * A task from submit to its end, awaited, 64 in flight: accepted durably, routed, run by a gateway that answers at
 * once, completed durably, told by the commit. The baseline is a persisted entity call with a primary key.
 */
import { Effect, Layer } from "effect"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Fleet from "../harness/fleet.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64

export const durableTask: Case = {
  ids: ["durable-task"],
  run: Effect.fnUntraced(function* (bench) {
    const fleet = yield* Fleet.make(yield* bench.database("durable_task"), Fleet.shape)
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("durable_task_stock")))
    const stock = yield* Effect.provide(Stock.StockCounter.client, theirs)
    let keys = 0
    const load = (seconds: number) => forSeconds({ inFlight, seconds }, fleet.run)
    const stockLoad = (seconds: number) =>
      Effect.orDie(forSeconds({ inFlight, seconds }, (n) => stock(`key-${n % 1_000}`).Run({ key: `run-${keys++}` })))

    yield* load(2)
    yield* stockLoad(2)
    const rounds = yield* interleave(
      bench,
      () => load(bench.seconds),
      () => stockLoad(bench.seconds)
    )
    return [
      measured("durable-task", "tasks/s", perSecond(rounds.ours), perSecond(rounds.theirs), latencyNote(rounds.ours))
    ]
  })
}
