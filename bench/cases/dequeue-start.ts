/**
 * From the moment a lane picks a task to the moment the gateway begins it, at 200 tasks a second, lane, instance and
 * gateway in one process on one clock. In between lie two commits: the lane's, that it has started, and the instance's,
 * that it has taken it.
 */
import { Effect } from "effect"
import { type Case, measured } from "../harness/case.ts"
import * as Fleet from "../harness/fleet.ts"
import { atRate, quantiles } from "../harness/measure.ts"

const rate = 200

export const dequeueStart: Case = {
  ids: ["dequeue-start-p50", "dequeue-start-p99"],
  run: Effect.fnUntraced(function* (bench) {
    const fleet = yield* Fleet.make(yield* bench.database("dequeue_start"), {
      instances: 4,
      slots: 32,
      lanes: 1
    })
    const waits = Effect.fnUntraced(function* (seconds: number) {
      fleet.watch.waits = []
      yield* atRate({ perSecond: rate, seconds }, fleet.run)
      return quantiles(fleet.watch.waits)
    })
    yield* waits(2)
    const rounds = yield* Effect.forEach(Array.from({ length: bench.rounds }), () => waits(bench.seconds))
    return [
      measured(
        "dequeue-start-p50",
        "ms",
        rounds.map(({ p50 }) => p50),
        [],
        `at ${rate} tasks/s`
      ),
      measured(
        "dequeue-start-p99",
        "ms",
        rounds.map(({ p99 }) => p99),
        [],
        `at ${rate} tasks/s`
      )
    ]
  })
}
