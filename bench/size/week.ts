/**
 * A week of history that has just become too old, and a day that has not, pruned by the retention as it is configured
 * (`CLAWSTER_RETENTION_*`), sweep after sweep without the pause between them. The past is copied by SQL from rows that
 * real tasks have left, with earlier times, in the order of time. Meanwhile counters are called on a runner in another
 * process, open loop, before and during.
 */
import { Duration, Effect, Fiber, Layer } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as Database from "../../src/shards/Database.ts"
import * as JournalPruning from "../../src/shards/retention/JournalPruning.ts"
import * as Retention from "../../src/shards/retention/Retention.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import * as Fleet from "../harness/fleet.ts"
import { atRate, forCalls } from "../harness/measure.ts"
import { startRunner } from "./actors.ts"
import { type Found, type Figure, mebi, type SizeCase } from "./case.ts"
import { copyJournal, copyTasks, sizes, type TableSize, totalOf, withSql } from "./tables.ts"

const keys = 64
const callsASecond = 500
const actors = 1_000
const sweepsMax = 50

const day = Duration.toMillis(Duration.days(1))

const shown = (tables: ReadonlyArray<TableSize>): string =>
  tables
    .filter(({ bytes }) => bytes > 1_048_576)
    .map(({ bytes, table }) => `${table.replace("clawster_", "")} ${mebi(bytes).toFixed(0)}`)
    .join(", ")

export const week: SizeCase = {
  id: "week",
  run: Effect.fnUntraced(function* ({ database, say, scale }) {
    const url = yield* database("week")
    yield* Effect.scoped(
      Effect.gen(function* () {
        const fleet = yield* Fleet.make(url, Fleet.shape)
        yield* forCalls({ inFlight: 16, calls: 1_000 }, fleet.run)
      })
    )
    const now = Date.now()
    const old = { from: now - 14 * day, until: now - 7.1 * day, name: "old" }
    const recent = { from: now - day, until: now, name: "recent" }
    yield* withSql(url, (sql) =>
      Effect.gen(function* () {
        yield* sql.unsafe(`UPDATE clawster_journal SET at = ${old.from}`)
        yield* copyJournal(sql, { ...old, rows: Math.round(1_400_000 * scale) }, actors)
        yield* copyTasks(sql, { ...old, rows: Math.round(200_000 * scale) })
        yield* copyJournal(sql, { ...recent, rows: Math.round(200_000 * scale) }, actors)
        yield* copyTasks(sql, { ...recent, rows: Math.round(30_000 * scale) })
      })
    )
    const before = yield* withSql(url, sizes)
    yield* say(`  before: ${shown(before)} MiB`)

    yield* startRunner("clawster", url)
    const counter = yield* ActorClient.make(Counter).pipe(Effect.provide(yield* Layer.build(Clawster.layerClient(url))))
    const call = (n: number) => counter(`key-${n % keys}`).Add({ by: 1 })
    const load = (seconds: number) => atRate({ perSecond: callsASecond, seconds }, call)
    yield* load(2)
    const quiet = yield* load(5)

    const pool = yield* Layer.build(Database.layer({ url }))
    const options = yield* Retention.settings
    const pass = yield* Effect.provide(JournalPruning.make, pool)
    const swept: Array<{ readonly millis: number; readonly removed: Retention.Removed }> = []
    let isDone = false
    const prune = Effect.gen(function* () {
      while (swept.length < sweepsMax) {
        const startedAt = performance.now()
        const removed = yield* Retention.sweep(options, pass)
        if (removed === undefined) continue
        if (Object.values(removed).every((count) => count === 0)) break
        swept.push({ millis: performance.now() - startedAt, removed })
      }
      isDone = true
    }).pipe(Effect.provide(pool))
    const startedAt = performance.now()
    const pruning = yield* Effect.forkChild(prune)
    const busy: Array<number> = []
    while (!isDone) busy.push((yield* load(2)).p99)
    yield* Fiber.join(pruning)
    const seconds = swept.reduce((sum, { millis }) => sum + millis, 0) / 1_000
    const journal = swept.reduce((sum, { removed }) => sum + removed.journal, 0)
    const tasks = swept.reduce((sum, { removed }) => sum + removed.tasks, 0)
    const idleStartedAt = performance.now()
    yield* Effect.provide(Retention.sweep(options, pass), pool)
    const idleMillis = performance.now() - idleStartedAt
    const pruned = yield* withSql(url, sizes)
    yield* withSql(url, (sql) => sql.unsafe("VACUUM"))
    const vacuumed = yield* withSql(url, sizes)
    yield* withSql(url, (sql) =>
      Effect.gen(function* () {
        yield* copyJournal(sql, { ...old, name: "next", rows: Math.round(1_400_000 * scale) }, actors)
        yield* copyTasks(sql, { ...old, name: "next", rows: Math.round(200_000 * scale) })
      })
    )
    const next = yield* withSql(url, sizes)
    yield* say(
      `  pruned in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s; after a vacuum: ${shown(vacuumed)} MiB`
    )

    const figures: ReadonlyArray<Figure> = [
      { id: "week-before", value: mebi(totalOf(before)), unit: "MiB", note: shown(before) },
      { id: "week-pruned", value: mebi(totalOf(pruned)), unit: "MiB", note: shown(pruned) },
      { id: "week-vacuumed", value: mebi(totalOf(vacuumed)), unit: "MiB", note: shown(vacuumed) },
      {
        id: "week-next",
        value: totalOf(next) / totalOf(before),
        unit: "×",
        most: 1.25,
        note: `after another such week, in the space that the first has left; over week-before (${shown(next)})`
      },
      {
        id: "prune-rate",
        value: (journal + tasks) / seconds,
        unit: "rows/s",
        note: `${journal} journal rows and ${tasks} tasks in ${swept.length} sweeps, ${seconds.toFixed(1)} s`
      },
      { id: "prune-idle", value: idleMillis, unit: "ms", note: "a sweep that finds nothing" },
      {
        id: "prune-call-p99",
        value: Math.max(...busy),
        unit: "ms",
        most: 50,
        note: `worst 2 s of ${callsASecond} keyed calls a second while it sweeps; ${quiet.p99.toFixed(1)} ms before`
      }
    ]
    const found: Found = { figures, curves: [] }
    return found
  }, Effect.orDie)
}
