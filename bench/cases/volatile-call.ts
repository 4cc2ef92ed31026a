/** A read that commits nothing, 64 in flight, against the stock volatile call; client and runner apart in both. */
import { Effect, Layer, Schedule } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64
const keys = 1_000

export const volatileCall: Case = {
  ids: ["volatile-call"],
  run: Effect.fnUntraced(function* (bench) {
    const url = yield* bench.database("volatile")
    const stockUrl = yield* bench.database("volatile_stock")
    yield* Clawster.startRunner("clawster", url)
    yield* Clawster.startRunner("stock", stockUrl)
    const ours = yield* Layer.build(Clawster.layerClient(url))
    const theirs = yield* Layer.build(Stock.layerClient(stockUrl))
    const client = yield* Effect.provide(ActorClient.make(Counter), ours)
    const stock = yield* Effect.provide(Stock.StockCounter.client, theirs)
    const load = (seconds: number) =>
      Effect.orDie(forSeconds({ inFlight, seconds }, (n) => client(`key-${n % keys}`).Get()))
    const stockLoad = (seconds: number) =>
      Effect.orDie(forSeconds({ inFlight, seconds }, (n) => stock(`key-${n % keys}`).Read()))

    yield* load(3)
    yield* stock("key-0")
      .Read()
      .pipe(Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 100 }), Effect.orDie)
    yield* stockLoad(3)
    const rounds = yield* interleave(
      bench,
      () => load(bench.seconds),
      () => stockLoad(bench.seconds)
    )
    return [
      measured("volatile-call", "calls/s", perSecond(rounds.ours), perSecond(rounds.theirs), latencyNote(rounds.ours))
    ]
  })
}
