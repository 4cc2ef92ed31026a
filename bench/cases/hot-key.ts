/** Durable calls to one actor, awaited, 64 in flight, from a client in another process. */
import { Effect, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64

export const hotKey: Case = {
  ids: ["hot-key"],
  run: Effect.fnUntraced(function* (bench) {
    const url = yield* bench.database("hot_key")
    yield* Clawster.startRunner("clawster", url)
    const ours = yield* Layer.build(Clawster.layerClient(url))
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("hot_key_stock")))
    const client = (yield* Effect.provide(ActorClient.make(Counter), ours))("hot")
    const stock = (yield* Effect.provide(Stock.StockCounter.client, theirs))("hot")
    const load = (seconds: number) => Effect.orDie(forSeconds({ inFlight, seconds }, () => client.Add({ by: 1 })))
    const stockLoad = (seconds: number) => Effect.orDie(forSeconds({ inFlight, seconds }, () => stock.Add({ by: 1 })))

    yield* Effect.all([load(2), stockLoad(2)])
    const rounds = yield* interleave(
      bench,
      () => load(bench.seconds),
      () => stockLoad(bench.seconds)
    )
    return [measured("hot-key", "calls/s", perSecond(rounds.ours), perSecond(rounds.theirs), latencyNote(rounds.ours))]
  })
}
