/**
 * A week of history that has just become too old, and a day that has not, pruned by the retention as it is configured
 * (`CLAWSTER_RETENTION_*`), sweep after sweep without the pause between them. The past is copied by SQL from rows that
 * real tasks have left, with earlier times, in the order of time. Meanwhile counters are called on a runner in another
 * process, open loop, before and during.
 */
import type { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Fiber, Layer, type Redacted } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { tables } from "../../src/entities/catalog/Actors.ts"
import * as Database from "../../src/shards/Database.ts"
import * as JournalPruning from "../../src/shards/retention/JournalPruning.ts"
import * as Retention from "../../src/shards/retention/Retention.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import * as Fleet from "../harness/fleet.ts"
import { atRate, forCalls, type Load } from "../harness/measure.ts"
import { startRunner } from "./actors.ts"
import { type Found, type Figure, mebi, type SizeCase } from "./case.ts"
import { copyJournal, copyTasks, sizes, type TableSize, totalOf, withSql } from "./tables.ts"

const keys = 64
const callsASecond = 500
const actors = 1_000
const sweepsMax = 50

interface Rows {
  readonly journal: number
  readonly tasks: number
}
const ofWeek: Rows = { journal: 1_400_000, tasks: 200_000 }
const ofDay: Rows = { journal: 200_000, tasks: 30_000 }

const day = Duration.toMillis(Duration.days(1))

export const week: SizeCase = {
  id: "week",
  run: Effect.fnUntraced(function* ({ database, say, scale }) {
    const url = yield* database("week")
    yield* runTasks(url)
    const now = Date.now()
    const old: Span = { from: now - 14 * day, until: now - 7.1 * day, name: "old" }
    yield* withSql(url, (sql) =>
      Effect.gen(function* () {
        yield* sql.unsafe(`UPDATE clawster_journal SET at = ${old.from}`)
        yield* copy(sql, old, ofWeek, scale)
        yield* copy(sql, { from: now - day, until: now, name: "recent" }, ofDay, scale)
      })
    )
    const before = yield* withSql(url, sizes)
    yield* say(`  before: ${shown(before)} MiB`)

    yield* startRunner("clawster", url)
    const load = yield* counterLoad(url)
    yield* load(2)
    const quiet = yield* load(5)
    const pruning = yield* prune(url, load)
    const pruned = yield* withSql(url, sizes)
    yield* withSql(url, (sql) => sql.unsafe("VACUUM"))
    const vacuumed = yield* withSql(url, sizes)
    yield* withSql(url, (sql) => copy(sql, { ...old, name: "next" }, ofWeek, scale))
    const next = yield* withSql(url, sizes)
    yield* say(
      `  pruned in ${((performance.now() - pruning.startedAt) / 1_000).toFixed(0)} s; after a vacuum: ${shown(vacuumed)} MiB`
    )
    const found: Found = {
      figures: [...sizeFigures({ before, pruned, vacuumed, next }), ...pruningFigures(pruning, quiet)],
      curves: []
    }
    return found
  }, Effect.orDie)
}

/** Leaves the rows that the past is copied from. */
const runTasks = (url: Redacted.Redacted) =>
  Effect.scoped(
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(url, Fleet.shape)
      yield* forCalls({ inFlight: 16, calls: 1_000 }, fleet.run)
    })
  )

interface Span {
  /** Unix milliseconds. */
  readonly from: number
  readonly until: number
  readonly name: string
}

const copy = Effect.fnUntraced(function* (sql: PgClient.PgClient, span: Span, rows: Rows, scale: number) {
  yield* copyJournal(sql, { ...span, rows: Math.round(rows.journal * scale) }, actors)
  yield* copyTasks(sql, { ...span, rows: Math.round(rows.tasks * scale) })
})

const counterLoad = Effect.fnUntraced(function* (url: Redacted.Redacted) {
  const counter = yield* ActorClient.make(Counter).pipe(Effect.provide(yield* Layer.build(Clawster.layerClient(url))))
  const call = (n: number) => counter(`key-${n % keys}`).Add({ by: 1 })
  return (seconds: number) => atRate({ perSecond: callsASecond, seconds }, call)
})

interface Pruning {
  readonly startedAt: number
  readonly swept: ReadonlyArray<{ readonly millis: number; readonly removed: Retention.Removed }>
  /** The p99 of each 2 s of calls meanwhile. */
  readonly busy: ReadonlyArray<number>
  readonly idleMillis: number
}

const prune = Effect.fnUntraced(function* <E, R>(
  url: Redacted.Redacted,
  load: (seconds: number) => Effect.Effect<Load, E, R>
) {
  const pool = yield* Layer.build(Database.layer({ url }))
  const options = { ...(yield* Retention.settings), tables }
  const pass = yield* Effect.provide(JournalPruning.make, pool)
  const swept: Array<Pruning["swept"][number]> = []
  let isDone = false
  const sweeps = Effect.gen(function* () {
    while (swept.length < sweepsMax) {
      const startedAt = performance.now()
      const removed = yield* Retention.sweep(options, pass)
      if (removed === undefined) continue
      if (!Retention.isAny(removed)) break
      swept.push({ millis: performance.now() - startedAt, removed })
    }
    isDone = true
  }).pipe(Effect.provide(pool))
  const startedAt = performance.now()
  const sweeping = yield* Effect.forkChild(sweeps)
  const busy: Array<number> = []
  while (!isDone) busy.push((yield* load(2)).p99)
  yield* Fiber.join(sweeping)
  const idleStartedAt = performance.now()
  yield* Effect.provide(Retention.sweep(options, pass), pool)
  return { startedAt, swept, busy, idleMillis: performance.now() - idleStartedAt } satisfies Pruning
})

const shown = (tables: ReadonlyArray<TableSize>): string =>
  tables
    .filter(({ bytes }) => bytes > 1_048_576)
    .map(({ bytes, table }) => `${table.replace("clawster_", "")} ${mebi(bytes).toFixed(0)}`)
    .join(", ")

type Sizes = Readonly<Record<"before" | "pruned" | "vacuumed" | "next", ReadonlyArray<TableSize>>>

const sizeFigures = ({ before, next, pruned, vacuumed }: Sizes): ReadonlyArray<Figure> => [
  { id: "week-before", value: mebi(totalOf(before)), unit: "MiB", note: shown(before) },
  { id: "week-pruned", value: mebi(totalOf(pruned)), unit: "MiB", note: shown(pruned) },
  { id: "week-vacuumed", value: mebi(totalOf(vacuumed)), unit: "MiB", note: shown(vacuumed) },
  {
    id: "week-next",
    value: totalOf(next) / totalOf(before),
    unit: "×",
    most: 1.25,
    note: `after another such week, in the space that the first has left; over week-before (${shown(next)})`
  }
]

const pruningFigures = ({ busy, idleMillis, swept }: Pruning, quiet: Load): ReadonlyArray<Figure> => {
  const seconds = swept.reduce((sum, { millis }) => sum + millis, 0) / 1_000
  const journal = swept.reduce((sum, { removed }) => sum + removed.journal, 0)
  const tasks = swept.reduce((sum, { removed }) => sum + removed["tasks"]!, 0)
  return [
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
}
