/** Keyed calls on a journal that is already long: rows of other actors, copied from real ones (tables.ts). */
import { Effect, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forSeconds } from "../harness/measure.ts"
import { startRunner } from "./actors.ts"
import { type Found, type Curve, type SizeCase } from "./case.ts"
import { copyJournal, withSql } from "./tables.ts"

const keys = 1_000
const inFlight = 64
const rounds = 3

export const journal: SizeCase = {
  id: "journal",
  run: Effect.fnUntraced(function* ({ database, say, scale }) {
    const url = yield* database("journal")
    yield* startRunner("clawster", url)
    const counter = yield* ActorClient.make(Counter).pipe(Effect.provide(yield* Layer.build(Clawster.layerClient(url))))
    const load = (seconds: number) =>
      forSeconds({ inFlight, seconds }, (n) => counter(`key-${n % keys}`).Add({ by: 1 }))
    yield* load(3)
    const points: Array<Curve["points"][number]> = []
    let rows = 0
    for (const wanted of [0, 1_000_000, 5_000_000].map((size) => Math.round(size * scale))) {
      if (wanted > rows) {
        const at = Date.now()
        const past = { rows: wanted - rows, from: at - 3_600_000, until: at, name: String(wanted) }
        yield* withSql(url, (sql) => copyJournal(sql, past, 10_000))
        yield* withSql(url, (sql) => sql.unsafe("VACUUM (ANALYZE) clawster_journal"))
        yield* withSql(url, (sql) => sql.unsafe("CHECKPOINT"))
        rows = wanted
      }
      yield* load(1)
      const loads = yield* Effect.forEach(Array.from({ length: rounds }), () => load(2))
      const best = loads.toSorted((a, b) => a.perSecond - b.perSecond)[rounds >> 1]!
      points.push({ size: rows, value: best.perSecond, p99Millis: best.p99 })
      yield* say(`  ${rows} rows: ${Math.round(best.perSecond)} calls/s`)
    }
    const found: Found = {
      figures: [
        {
          id: "keyed-call-on-long-journal",
          value: points.at(-1)!.value / points[0]!.value,
          unit: "×",
          least: 0.8,
          note: `calls/s with ${rows.toLocaleString("en-US")} rows of others over calls/s with none`
        }
      ],
      curves: [{ id: "keyed-call-by-journal", unit: "calls/s", of: "journal rows", points }]
    }
    return found
  }, Effect.orDie)
}
