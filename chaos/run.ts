/**
 * The chaos campaign: `node chaos/run.ts [--seconds 60] [--away 60] [--only kill,freeze] [--no-real]`. Faults of real
 * life on real processes, under load; a table at the end. Exit code 1 when anything was lost, doubled, reordered or
 * stale. See docs/chaos.md.
 */
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Fiber } from "effect"
import { loadavg } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Options from "../bench/harness/options.ts"
import * as ActorClient from "../src/actor/ActorClient.ts"
import { Counter } from "../test/fixtures/Counter.ts"
import * as Audit from "../test/fixtures/store/Audit.ts"
import { examine } from "./Evidence.ts"
import * as Load from "./Load.ts"
import { measure, type Struck } from "./Measure.ts"
import { awaySeconds, owns, type Phase, phases } from "./Phases.ts"
import * as Report from "./Report.ts"
import { type Row, watchHistory } from "./WatchHistory.ts"
import * as World from "./World.ts"

const names = phases.map(({ name }) => name)
const usage = `npm run chaos -- [--seconds N] [--away N] [--only PHASE,PHASE] [--no-real] [--verbose]
phases: ${names.join(", ")}`
const {
  chosen: phasesOf,
  options: args,
  stop
} = Options.make(usage, {
  seconds: { type: "string", default: "60" },
  away: { type: "string", default: "60" },
  only: { type: "string" },
  "no-real": { type: "boolean", default: false },
  verbose: { type: "boolean", default: false }
})
const seconds = Number(args.seconds)
awaySeconds.current = Number(args.away)
if (!(seconds > 0) || !(awaySeconds.current >= 0)) stop("--seconds, --away: numbers of seconds")
const wanted = phasesOf(args.only, names, "phase")
const chosen = phases.filter(({ name }) => wanted.has(name))
const resultFile = join(dirname(dirname(fileURLToPath(import.meta.url))), "bench", "results", "chaos.json")
/** The first turns of a gateway take many times the processor of later ones. */
const warmUp = { seconds: 20, realTurns: 8 }
const say = (line: string) => process.stdout.write(`${line}\n`)

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

const openTasks = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ count: number }>(
    `SELECT count(*)::float8 AS count FROM clawster_tasks WHERE phase NOT IN ('completed', 'failed', 'cancelled', 'dead_lettered')`
  )
).pipe(Effect.map((rows) => rows[0]!.count))
const openRows = (table: string, where: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ count: number }>(`SELECT count(*)::float8 AS count FROM ${table} WHERE ${where}`)
  ).pipe(Effect.map((rows) => rows[0]!.count))

const campaign = Effect.gen(function* () {
  const world = yield* World.make({ real: !args["no-real"] })
  say(
    `volume: ${world.volume.unmountable ?? "mounted"}; runners: ${world.runners.map(({ address }) => address).join(", ")}`
  )
  return yield* Effect.gen(function* () {
    const load = yield* Load.make()
    const counter = yield* ActorClient.make(Counter)
    const rates = { ...Load.steadyRates, ...(args["no-real"] ? { real: 0 } : {}) }
    const history: Array<Row> = []
    const watch = watchHistory()
    let last = { tx: "0", position: 0 }
    let staleBefore = 0
    const results: Array<Report.PhaseResult> = []

    const settle = Effect.fnUntraced(function* (notes: Array<string>) {
      const came = (what: string, condition: Effect.Effect<boolean, unknown, PgClient.PgClient>, limit: number) =>
        Effect.flatMap(World.eventually(condition, limit), (met) =>
          Effect.sync(() => (met ? undefined : void notes.push(`not within ${limit} s: ${what}`)))
        )
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
      yield* came(
        "every task has ended",
        Effect.map(openTasks, (count) => count === 0),
        180
      )
      yield* came(
        "every message is delivered",
        Effect.map(openRows("clawster_outbox", "target_type = 'TestCounter'"), (count) => count === 0),
        60
      )
      yield* came(
        "every job has ended",
        Effect.map(openRows("clawster_wakes", "resident AND entity_type = 'TestCounter'"), (count) => count === 0),
        60
      )
    })

    const runPhase = Effect.fnUntraced(function* (phase: Phase) {
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
      yield* settle(notes)
      const names = [...Load.keys, ...Load.inboxes, ...Load.workers]
      const values = yield* Effect.forEach(names, (key) => Effect.option(counter(key).Get(undefined)), {
        concurrency: 16
      })
      const read = new Map(
        values.flatMap((value, n) => (value._tag === "Some" ? [[names[n]!, value.value] as const] : []))
      )
      if (read.size < names.length) notes.push(`${names.length - read.size} counters did not answer at the end`)
      const rows = yield* readAfter(last.tx, last.position)
      for (const row of rows) history.push(row)
      if (rows.length > 0) last = rows[rows.length - 1]!
      const staleRows = [...(yield* Audit.stale).values()].reduce((sum, count) => sum + count, 0)
      const { byId } = yield* world.model.stats
      const calls = load.calls()
      const findings = examine(calls, history, read, staleRows - staleBefore, watch(history), byId)
      staleBefore = staleRows
      const minuteLoad = loadavg()[0]!
      const result = {
        phase: phase.name,
        what: phase.what,
        seconds: Math.round((performance.now() - beganAt) / 1_000),
        minuteLoad,
        notes,
        ...findings,
        ...measure(calls, struck, beganAt)
      }
      results.push(result)
      if (wanted === undefined)
        Report.write(resultFile, results, {
          secondsAPhase: seconds,
          real: !args["no-real"],
          complete: results.length === chosen.length
        })
      say(Report.table([result]))
    })

    yield* load.begin("warm-up")
    yield* load.resume(args["no-real"] ? rates : { ...rates, real: warmUp.realTurns / warmUp.seconds })
    for (const runner of world.runners) yield* World.eventually(owns(runner), 60)
    yield* Effect.sleep(`${warmUp.seconds} seconds`)
    yield* load.pause
    yield* settle([])
    for (const phase of chosen) {
      say(`\n${phase.name}: ${phase.what}`)
      yield* runPhase(phase)
      if (args.verbose)
        for (const { name, process: running } of world.runners) say(`--- ${name}\n${running().output().slice(-3_000)}`)
    }
    say(`\n${Report.table(results)}`)
    say("stopping")
    return results
  }).pipe(Effect.provide(world.context))
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const running = Effect.runFork(campaign as Effect.Effect<Array<Report.PhaseResult>, unknown>)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => running.interruptUnsafe())
const results = await Effect.runPromise(Fiber.join(running))
const sound = Report.isSound(results)
say(sound ? "\nNothing was lost, doubled, reordered or stale." : "\nSomething was lost, doubled, reordered or stale.")
process.exit(sound ? 0 : 1)
