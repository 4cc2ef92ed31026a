/**
 * Durable calls to 1,000 keyed actors, awaited, 64 in flight, from a client in another process; and what one costs in
 * CPU over all processes. The stock entity runs in its caller's process, which spares it the network.
 */
import { Effect, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { cpuOf, cpuOfPostgres } from "../harness/cpu.ts"
import { forSeconds, latencyNote, perSecond } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64
const keys = 1_000

export const keyedCall: Case = {
  ids: ["keyed-call", "cpu-per-call"],
  run: Effect.fnUntraced(function* (bench) {
    const url = yield* bench.database("keyed_call")
    const stockUrl = yield* bench.database("keyed_call_stock")
    const runner = yield* Clawster.startRunner("clawster", url)
    const client = yield* ActorClient.make(Counter).pipe(Effect.provide(yield* Layer.build(Clawster.layerClient(url))))
    const stock = yield* Stock.StockCounter.client.pipe(Effect.provide(yield* Layer.build(Stock.layerSingle(stockUrl))))
    const call = (n: number) => client(`key-${n % keys}`).Add({ by: 1 })
    const stockCall = (n: number) => stock(`key-${n % keys}`).Add({ by: 1 })
    const cpu = Effect.sync(() => cpuOf(process.pid) + cpuOf(runner.pid) + cpuOfPostgres(bench.postgresPid))
    const loaded = <E>(one: (n: number) => Effect.Effect<unknown, E>) =>
      Effect.gen(function* () {
        const before = yield* cpu
        const load = yield* forSeconds({ inFlight, seconds: bench.seconds }, one)
        return { ...load, cpuPerCall: ((yield* cpu) - before) / load.calls }
      }).pipe(Effect.orDie)

    yield* Effect.orDie(forSeconds({ inFlight, seconds: 2 }, call))
    yield* Effect.orDie(forSeconds({ inFlight, seconds: 2 }, stockCall))
    const { ours, theirs } = yield* interleave(
      bench,
      () => loaded(call),
      () => loaded(stockCall)
    )
    const cpuOfAll = (loads: typeof ours) => loads.map(({ cpuPerCall }) => cpuPerCall)
    return [
      measured(
        "keyed-call",
        "calls/s",
        perSecond(ours),
        perSecond(theirs),
        `${latencyNote(ours)}; stock in process: ${latencyNote(theirs)}`
      ),
      measured("cpu-per-call", "ms CPU/call", cpuOfAll(ours), cpuOfAll(theirs), "client, runner and PostgreSQL")
    ]
  })
}
