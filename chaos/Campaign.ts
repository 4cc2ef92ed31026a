/**
 * Phases, one after another, over one cluster and one load. At the end of each the load pauses, what is under way ends,
 * and what PostgreSQL has is held against what the callers saw.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { loadavg } from "node:os"
import * as ActorClient from "../src/actor/ActorClient.ts"
import { Counter } from "../test/fixtures/Counter.ts"
import * as Audit from "../test/fixtures/store/Audit.ts"
import { examine } from "./Evidence.ts"
import * as Load from "./Load.ts"
import { measure, type Struck } from "./Measure.ts"
import { owns, type Phase } from "./Phases.ts"
import type { PhaseResult } from "./Report.ts"
import { type Row, watchHistory } from "./WatchHistory.ts"
import * as World from "./World.ts"

const readAfter = (tx: string, position: number) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<Row & { readonly tx: string; readonly position: number }>(
      `SELECT shard_id AS "shardId", epoch::float8 AS epoch, entity_type AS "entityType", entity_id AS "entityId",
         seq::float8 AS seq, request_id AS "requestId", at::float8 AS at, events, command, answer,
         j.tx::text AS tx, j.position::float8 AS position
       FROM clawster_journal j WHERE (j.tx, j.position) > ($1::text::xid8, $2::bigint) ORDER BY j.tx, j.position`,
      [tx, position]
    )
  )

const openRows = (table: string, where: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ count: number }>(`SELECT count(*)::float8 AS count FROM ${table} WHERE ${where}`)
  ).pipe(Effect.map((rows) => rows[0]!.count))

const openTasks = openRows(
  "clawster_tasks",
  `tenant_id = '${World.tenantId}' AND phase NOT IN ('completed', 'failed', 'cancelled', 'dead_lettered')`
)

/** Waits until everything that the load asked for is over, and notes what is not within its time. */
const settle = Effect.fnUntraced(function* (world: World.World, load: Load.Load, notes: Array<string>) {
  const came = (what: string, condition: Effect.Effect<boolean, unknown, PgClient.PgClient>, limit: number) =>
    Effect.flatMap(World.eventually(condition, limit), (met) =>
      Effect.sync(() => (met ? undefined : void notes.push(`not within ${limit} s: ${what}`)))
    )
  const none = (count: typeof openTasks) => Effect.map(count, (open) => open === 0)
  yield* came(
    "every call is answered",
    Effect.sync(() => load.unanswered() === 0),
    240
  )
  yield* came(
    "every runner serves",
    Effect.map(Effect.forEach(world.runners, owns), (all) => all.every(Boolean)),
    60
  )
  yield* came("every task has ended", none(openTasks), 180)
  yield* came("every message is delivered", none(openRows("clawster_outbox", "target_type = 'TestCounter'")), 60)
  yield* came("every job has ended", none(openRows("clawster_wakes", "resident AND entity_type = 'TestCounter'")), 60)
})

export interface Options {
  readonly world: World.World
  readonly load: Load.Load
  readonly rates: Load.Rates
  /** The least that a phase takes. */
  readonly seconds: number
}

export const make = Effect.fnUntraced(function* ({ load, rates, seconds, world }: Options) {
  const counter = yield* ActorClient.make(Counter)
  const history: Array<Row> = []
  const watch = watchHistory()
  let last = { tx: "0", position: 0 }
  let staleBefore = 0

  const readCounters = Effect.fnUntraced(function* (notes: Array<string>) {
    const names = [...Load.keys, ...Load.inboxes, ...Load.workers]
    const values = yield* Effect.forEach(names, (key) => Effect.option(counter(key).Get(undefined)), {
      concurrency: 16
    })
    const read = new Map(
      values.flatMap((value, n) => (value._tag === "Some" ? [[names[n]!, value.value] as const] : []))
    )
    if (read.size < names.length) notes.push(`${names.length - read.size} counters did not answer at the end`)
    return read
  })

  const findings = Effect.fnUntraced(function* (notes: Array<string>) {
    const read = yield* readCounters(notes)
    const rows = yield* readAfter(last.tx, last.position)
    for (const row of rows) history.push(row)
    if (rows.length > 0) last = rows[rows.length - 1]!
    const staleRows = [...(yield* Audit.stale).values()].reduce((sum, count) => sum + count, 0)
    const { byId } = yield* world.model.stats
    const found = examine(load.calls(), history, read, staleRows - staleBefore, watch(history), byId)
    staleBefore = staleRows
    return found
  })

  const run = Effect.fnUntraced(function* (phase: Phase) {
    const notes: Array<string> = []
    const struck: Array<Struck> = []
    yield* load.begin(phase.name)
    yield* load.resume(rates)
    const beganAt = performance.now()
    yield* Effect.sleep("2 seconds")
    yield* phase
      .run({ world, load, seconds, struck, notes })
      .pipe(
        Effect.catchCause((cause) =>
          Effect.sync(() => void notes.push(`the phase failed: ${String(cause).slice(0, 500)}`))
        )
      )
    const spent = performance.now() - beganAt
    yield* Effect.sleep(Math.max(2_000, seconds * 1_000 - spent))
    yield* load.pause
    yield* settle(world, load, notes)
    const found = yield* findings(notes)
    return {
      phase: phase.name,
      what: phase.what,
      seconds: Math.round((performance.now() - beganAt) / 1_000),
      minuteLoad: loadavg()[0]!,
      notes,
      ...found,
      ...measure(load.calls(), struck, beganAt)
    } satisfies PhaseResult
  })

  return {
    run,
    /** Load that is not judged. */
    warmUp: (options: { readonly seconds: number; readonly rates: Load.Rates }) =>
      Effect.gen(function* () {
        yield* load.begin("warm-up")
        yield* load.resume(options.rates)
        for (const runner of world.runners) yield* World.eventually(owns(runner), 60)
        yield* Effect.sleep(options.seconds * 1_000)
        yield* load.pause
        yield* settle(world, load, [])
      }),
    /** All rows of the journal up to the end of the latest phase. */
    history: (): ReadonlyArray<Row> => history
  }
})
