/** Tasks that come and end all the time, with a retention of seconds: what the tables weigh must come to rest. */
import { Duration, Effect, Fiber, Layer } from "effect"
import { tables } from "../../src/entities/catalog/Actors.ts"
import * as Database from "../../src/shards/Database.ts"
import * as Retention from "../../src/shards/retention/Retention.ts"
import * as Fleet from "../harness/fleet.ts"
import { forSeconds } from "../harness/measure.ts"
import { type Found, type Figure, mebi, type SizeCase } from "./case.ts"
import { sizes, totalOf, withSql } from "./tables.ts"

const inFlight = 16
const kept = Duration.seconds(5)
const sampleEvery = 2

export const steady: SizeCase = {
  id: "steady",
  run: Effect.fnUntraced(function* ({ database, scale }) {
    const seconds = Math.max(30, Math.round(180 * scale))
    const url = yield* database("steady")
    const fleet = yield* Fleet.make(url, Fleet.shape)
    const retention = Retention.layer({
      history: kept,
      tasks: kept,
      messages: kept,
      idempotencyKeys: kept,
      every: Duration.seconds(1),
      tables
    })
    yield* Layer.build(Layer.provide(retention, Database.layer({ url })))
    const loading = yield* Effect.forkChild(forSeconds({ inFlight, seconds }, fleet.run))
    const points: Array<{ readonly size: number; readonly value: number }> = []
    for (let at = sampleEvery; at < seconds; at += sampleEvery) {
      yield* Effect.sleep(`${sampleEvery} seconds`)
      points.push({ size: at, value: mebi(totalOf(yield* withSql(url, sizes))) })
    }
    const load = yield* Fiber.join(loading)
    const quarter = Math.floor(points.length / 4)
    const most = (part: typeof points) => Math.max(...part.map(({ value }) => value))
    const before = most(points.slice(2 * quarter, 3 * quarter))
    const last = most(points.slice(3 * quarter))
    const figures: ReadonlyArray<Figure> = [
      {
        id: "steady-growth",
        value: last / before,
        unit: "×",
        most: 1.1,
        note:
          `most in the last quarter of ${seconds} s (${last.toFixed(0)} MiB) over the one before;` +
          ` ${Math.round(load.perSecond)} tasks/s, kept for ${Duration.toSeconds(kept)} s`
      }
    ]
    const found: Found = { figures, curves: [{ id: "steady-size", unit: "MiB", of: "seconds of load", points }] }
    return found
  }, Effect.orDie)
}
