/**
 * Tasks of ever more tenants, one lane each, submitted in turn. Each tenant has submitted once before it is measured,
 * so that its lane is in memory.
 */
import { Effect, Layer } from "effect"
import * as Clawster from "../harness/clawster.ts"
import { forCalls, forSeconds } from "../harness/measure.ts"
import { startRunner } from "./actors.ts"
import { type Found, type Curve, mebi, type SizeCase } from "./case.ts"
import * as Memory from "./memory.ts"
import * as Lanes from "./lanes.ts"

const inFlight = 64

export const tenants: SizeCase = {
  id: "tenants",
  run: Effect.fnUntraced(function* ({ database, say, scale }) {
    const points: Array<Curve["points"][number]> = []
    const first: Array<Curve["points"][number]> = []
    for (const count of [1, 100, Math.max(200, Math.round(10_000 * scale))]) {
      const url = yield* database(`tenants_${count}`)
      const point = yield* Effect.scoped(
        Effect.gen(function* () {
          const runner = yield* startRunner("clawster", url)
          const layer = yield* Layer.build(Clawster.layerClient(url))
          const tasks = yield* Effect.provide(Lanes.make(Lanes.tenantsOf(count)), layer)
          const begun = yield* forCalls({ inFlight, calls: count }, tasks.submit)
          yield* forSeconds({ inFlight, seconds: 1 }, tasks.submit)
          const load = yield* forSeconds({ inFlight, seconds: 4 }, tasks.submit)
          const { rss } = yield* Memory.read(runner)
          yield* say(`  ${count} tenants: ${Math.round(load.perSecond)} tasks/s, runner ${mebi(rss).toFixed(0)} MiB`)
          return { begun, load }
        })
      )
      first.push({ size: count, value: point.begun.perSecond, p99Millis: point.begun.p99 })
      points.push({ size: count, value: point.load.perSecond, p99Millis: point.load.p99 })
    }
    const found: Found = {
      figures: [],
      curves: [
        { id: "submit-by-tenants", unit: "tasks/s", of: "tenants", points },
        { id: "first-submit-by-tenants", unit: "tasks/s", of: "tenants", points: first }
      ]
    }
    return found
  }, Effect.orDie)
}
