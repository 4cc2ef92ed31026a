/** One durable call at a time, nothing else going on: the latency of a commit. */
import { Effect, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forSeconds, latencyNote } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

export const alone: Case = {
  ids: ["alone-p50"],
  run: Effect.fnUntraced(function* (bench) {
    const url = yield* bench.database("alone")
    yield* Clawster.startRunner("clawster", url)
    const ours = yield* Layer.build(Clawster.layerClient(url))
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("alone_stock")))
    const client = (yield* Effect.provide(ActorClient.make(Counter), ours))("alone")
    const stock = (yield* Effect.provide(Stock.StockCounter.client, theirs))("alone")
    const load = (seconds: number) => Effect.orDie(forSeconds({ inFlight: 1, seconds }, () => client.Add({ by: 1 })))
    const stockLoad = (seconds: number) =>
      Effect.orDie(forSeconds({ inFlight: 1, seconds }, () => stock.Add({ by: 1 })))

    yield* Effect.all([load(1), stockLoad(1)])
    const rounds = yield* interleave(
      bench,
      () => load(bench.seconds),
      () => stockLoad(bench.seconds)
    )
    return [
      measured(
        "alone-p50",
        "ms",
        rounds.ours.map(({ p50 }) => p50),
        rounds.theirs.map(({ p50 }) => p50),
        `through the remote client; ${latencyNote(rounds.ours)}`
      )
    ]
  })
}
