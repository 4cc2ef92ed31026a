/**
 * Tasks submitted one by one, 64 submits in flight, nobody waiting for their ends, until all are done. The baseline
 * discards replies.
 */
import { Deferred, Effect, Fiber, Layer } from "effect"
import { type Case, interleave, measured } from "../harness/case.ts"
import * as Fleet from "../harness/fleet.ts"
import { forCalls } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"

const inFlight = 64

export const submitDrain: Case = {
  ids: ["submit-drain"],
  run: Effect.fnUntraced(function* (bench) {
    const fleet = yield* Fleet.make(yield* bench.database("submit_drain"), Fleet.shape)
    let fired = 0
    let target = Infinity
    let reached = Deferred.makeUnsafe<void>()
    const onFire = () => {
      if (++fired === target) Deferred.doneUnsafe(reached, Effect.void)
    }
    const theirs = yield* Layer.build(Stock.layerSingle(yield* bench.database("submit_drain_stock"), onFire))
    const stock = yield* Effect.provide(Stock.StockCounter.client, theirs)

    const drain = Effect.fnUntraced(function* (calls: number) {
      const startedAt = performance.now()
      const drained = yield* Effect.forkChild(fleet.drained(calls))
      yield* Effect.yieldNow
      yield* forCalls({ inFlight, calls }, fleet.submit)
      yield* Fiber.join(drained)
      return (calls * 1_000) / (performance.now() - startedAt)
    })
    let keys = 0
    const stockDrain = Effect.fnUntraced(function* (calls: number) {
      const startedAt = performance.now()
      target = fired + calls
      reached = Deferred.makeUnsafe<void>()
      yield* Effect.orDie(
        forCalls({ inFlight, calls }, (n) =>
          stock(`key-${n % 1_000}`).Fire({ key: `fire-${keys++}` }, { discard: true })
        )
      )
      yield* Deferred.await(reached)
      return (calls * 1_000) / (performance.now() - startedAt)
    })

    const tasks = Math.round(30_000 * bench.scale)
    const stockTasks = Math.round(5_000 * bench.scale)
    yield* drain(5_000)
    yield* stockDrain(1_000)
    const { ours, theirs: baselines } = yield* interleave(
      bench,
      () => drain(tasks),
      () => stockDrain(stockTasks)
    )
    return [measured("submit-drain", "tasks/s", ours, baselines, `${tasks} tasks; stock ${stockTasks}`)]
  })
}
