/**
 * What a run costs while it streams: 200 tasks in flight, each of 10 s, whose gateways say a word every 100 ms. CPU of
 * this process (lanes, instances, simulated gateways) and of PostgreSQL, per second of one run.
 */
import { Effect } from "effect"
import { type Case, measured } from "../harness/case.ts"
import { cpuOf, cpuOfPostgres } from "../harness/cpu.ts"
import * as Fleet from "../harness/fleet.ts"
import { forSeconds } from "../harness/measure.ts"

const inFlight = 200
const turnMillis = 10_000
const wordMillis = 100
const text = Array.from({ length: turnMillis / wordMillis }, (_, n) => `word-${n}`).join(" ")

export const streaming: Case = {
  ids: ["streaming-cpu"],
  run: Effect.fnUntraced(function* (bench) {
    const fleet = yield* Fleet.make(yield* bench.database("streaming"), {
      instances: 4,
      slots: inFlight / 4,
      lanes: 4,
      text,
      gateways: { turnMillis, wordMillis }
    })
    const cpu = Effect.sync(() => cpuOf(process.pid) + cpuOfPostgres(bench.postgresPid))
    const seconds = Math.max(bench.seconds, turnMillis / 1_000)
    yield* Effect.forkScoped(forSeconds({ inFlight, seconds: seconds * (bench.rounds + 2) }, fleet.run))
    yield* Effect.sleep("3 seconds")
    const costs = yield* Effect.forEach(Array.from({ length: bench.rounds }), () =>
      Effect.gen(function* () {
        const before = yield* cpu
        yield* Effect.sleep(seconds * 1_000)
        return ((yield* cpu) - before) / (inFlight * seconds)
      })
    )
    return [measured("streaming-cpu", "ms CPU/run-s", costs, [], `${inFlight} runs of ${turnMillis / 1_000} s`)]
  })
}
