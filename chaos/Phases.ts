/** What is done to the cluster, phase by phase. Each leaves it whole again; the load goes on all the while. */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Load } from "./Load.ts"
import type { Struck } from "./Measure.ts"
import type { Direction } from "../test/fixtures/servers/FaultProxy.ts"
import { eventually, keysOf, type Runner, shardsOf, type Start, type World } from "./World.ts"

export interface Field {
  readonly world: World
  readonly load: Load
  readonly seconds: number
  readonly struck: Array<Struck>
  readonly notes: Array<string>
}

export interface Phase {
  readonly name: string
  readonly what: string
  readonly run: (field: Field) => Effect.Effect<void, unknown, PgClient.PgClient>
}

export const leaseMillis = 6_000
/** Until a runner has ended, its shards are taken, or it serves again. */
const patienceSeconds = 30

export const note = ({ notes }: Field, message: string) => Effect.sync(() => void notes.push(message))

/** The keys of some runners, remembered as struck from now on. */
const strike = ({ struck }: Field, runners: ReadonlyArray<Runner>) =>
  Effect.forEach(runners, ({ address }) => keysOf(address)).pipe(
    Effect.map((keys) => void struck.push({ at: performance.now(), keys: new Set(keys.flat()) }))
  )

export const owns = ({ address }: Runner) => Effect.map(shardsOf(address), (count) => count > 30)
const ownsNothing = ({ address }: Runner) => Effect.map(shardsOf(address), (count) => count === 0)

const expected = (
  field: Field,
  what: string,
  condition: Effect.Effect<boolean, unknown, PgClient.PgClient>,
  seconds: number
) =>
  Effect.flatMap(eventually(condition, seconds), (came) =>
    came ? Effect.void : note(field, `within ${seconds} s this never came: ${what}`)
  )

/** The runner that holds most shards comes first. */
const byHoldings = (runners: ReadonlyArray<Runner>) =>
  Effect.map(
    Effect.forEach(runners, (runner) => Effect.map(shardsOf(runner.address), (count) => [count, runner] as const)),
    (counted) => counted.sort(([a], [b]) => b - a).map(([, runner]) => runner)
  )

/** Ends a runner and waits until its shards are taken. */
export const killed = Effect.fnUntraced(function* (field: Field, runner: Runner, signal: "SIGKILL" | "SIGTERM") {
  const running = runner.process()
  yield* strike(field, [runner])
  const at = performance.now()
  yield* running.signal(signal)
  const code = yield* Effect.timeoutOption(running.exited, patienceSeconds * 1_000)
  const took = Math.round(performance.now() - at)
  if (signal === "SIGTERM") {
    yield* note(
      field,
      `${runner.name} ended by SIGTERM after ${took} ms with ${code._tag === "Some" ? code.value : "nothing"}`
    )
  }
  yield* expected(field, `the shards of ${runner.name} are taken`, ownsNothing(runner), patienceSeconds)
})

const mended = ({ struck }: Field) => {
  for (const fault of struck) fault.until ??= performance.now()
}

/** Starts a runner and waits until it serves. */
export const restarted = Effect.fnUntraced(function* (field: Field, runner: Runner, how: Start = {}) {
  mended(field)
  yield* runner.start(how)
  yield* expected(field, `${runner.name} serves again`, owns(runner), patienceSeconds)
  yield* Effect.sleep("1 second")
})

const kill: Phase = {
  name: "kill",
  what: "SIGKILL of each runner in turn, first of the one that holds most; each is started again",
  run: (field) =>
    Effect.flatMap(byHoldings(field.world.runners), (runners) =>
      Effect.forEach(
        runners,
        (runner) =>
          Effect.gen(function* () {
            yield* killed(field, runner, "SIGKILL")
            yield* Effect.sleep("2 seconds")
            yield* restarted(field, runner)
          }),
        { discard: true }
      )
    )
}

const freeze: Phase = {
  name: "freeze",
  what: "SIGSTOP of one runner until its shards are taken and for twice the lease more, then SIGCONT",
  run: (field) =>
    Effect.gen(function* () {
      const [victim] = yield* byHoldings(field.world.runners)
      yield* strike(field, [victim!])
      yield* victim!.process().signal("SIGSTOP")
      yield* expected(field, `the shards of ${victim!.name} are taken`, ownsNothing(victim!), 30)
      yield* Effect.sleep(leaseMillis * 2)
      mended(field)
      const thawedAt = performance.now()
      yield* victim!.process().signal("SIGCONT")
      yield* expected(field, `${victim!.name} serves again`, owns(victim!), 30)
      yield* note(field, `thawed, ${victim!.name} served again after ${Math.round(performance.now() - thawedAt)} ms`)
    })
}

const slow: Phase = {
  name: "stutter",
  what: "SIGSTOP of each runner in turn for less than the lease: none may lose its shards",
  run: (field) =>
    Effect.forEach(
      field.world.runners,
      (runner) =>
        Effect.gen(function* () {
          const before = yield* shardsOf(runner.address)
          yield* runner.process().signal("SIGSTOP")
          yield* Effect.sleep(leaseMillis / 2)
          yield* runner.process().signal("SIGCONT")
          yield* Effect.sleep("2 seconds")
          const after = yield* shardsOf(runner.address)
          if (after < before)
            yield* note(field, `${runner.name} lost ${before - after} shards by standing still for half a lease`)
        }),
      { discard: true }
    )
}

const rolling: Phase = {
  name: "rolling",
  what: "SIGTERM and start of every runner, one after another",
  run: (field) =>
    Effect.forEach(
      field.world.runners,
      (runner) => Effect.andThen(killed(field, runner, "SIGTERM"), restarted(field, runner)),
      { discard: true }
    )
}

const postgresRestart: Phase = {
  name: "postgres-restart",
  what: "a fast shutdown of PostgreSQL and start, then a crash of it",
  run: (field) =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* strike(field, field.world.runners)
      yield* field.world.server.down
      yield* field.world.server.up
      yield* Effect.sleep("5 seconds")
      yield* strike(field, field.world.runners)
      const [backend] = yield* sql.unsafe<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = $1::text LIMIT 1`,
        [field.world.runners[0]!.address]
      )
      process.kill(backend!.pid, "SIGKILL")
    })
}

export const awaySeconds = { current: 60 }

const postgresAway: Phase = {
  name: "postgres-away",
  what: "PostgreSQL is down for a minute",
  run: (field) =>
    Effect.gen(function* () {
      const acked = () =>
        field.load.calls().filter(({ ackedAt, kind }) => kind !== "Get" && ackedAt !== undefined).length
      yield* field.world.server.down
      yield* Effect.sleep("500 millis")
      const before = acked()
      yield* Effect.sleep(awaySeconds.current * 1_000)
      yield* note(field, `${acked() - before} writes were acknowledged while it was away`)
      const upAt = performance.now()
      yield* field.world.server.up
      yield* expected(
        field,
        "every runner serves again",
        Effect.map(Effect.forEach(field.world.runners, owns), (all) => all.every(Boolean)),
        60
      )
      yield* note(field, `all runners served ${Math.round(performance.now() - upAt)} ms after its start`)
    })
}

const cutSeconds = 12

const postgresCut = (name: string, what: string, directions: ReadonlyArray<Direction>): Phase => ({
  name,
  what,
  run: (field) =>
    Effect.gen(function* () {
      const [victim] = yield* byHoldings(field.world.runners)
      yield* strike(field, [victim!])
      victim!.postgres.hold(directions)
      yield* expected(field, `the shards of ${victim!.name} are taken`, ownsNothing(victim!), cutSeconds)
      yield* Effect.sleep("2 seconds")
      const healedAt = performance.now()
      victim!.postgres.heal()
      yield* expected(field, `${victim!.name} serves again`, owns(victim!), 30)
      yield* note(field, `healed, ${victim!.name} served again after ${Math.round(performance.now() - healedAt)} ms`)
    })
})

const runnerCut = (name: string, what: string, directions: ReadonlyArray<Direction>): Phase => ({
  name,
  what,
  run: (field) =>
    Effect.gen(function* () {
      const [victim] = yield* byHoldings(field.world.runners)
      yield* strike(field, [victim!])
      victim!.inbound.hold(directions)
      yield* Effect.sleep(cutSeconds * 1_000)
      const left = yield* shardsOf(victim!.address)
      yield* note(field, `after ${cutSeconds} s it held ${left} shards`)
      victim!.inbound.heal()
    })
})

const runnerRefused: Phase = {
  name: "runner-refused",
  what: "the port of one live runner refuses for 12 s",
  run: (field) =>
    Effect.gen(function* () {
      const [victim] = yield* byHoldings(field.world.runners)
      yield* strike(field, [victim!])
      victim!.inbound.refuse()
      yield* Effect.sleep(cutSeconds * 1_000)
      victim!.inbound.accept()
    })
}

const diskFull: Phase = {
  name: "disk-full",
  what: "not a byte is left on PostgreSQL's volume for 10 s",
  run: (field) =>
    Effect.gen(function* () {
      const { server, volume } = field.world
      if (volume.unmountable !== undefined)
        return yield* note(field, `skipped: no volume could be mounted (${volume.unmountable})`)
      yield* volume.fill
      yield* Effect.sleep("10 seconds")
      yield* volume.free
      const answers = Effect.flatMap(PgClient.PgClient, (sql) =>
        Effect.as(sql.unsafe("CREATE TEMP TABLE IF NOT EXISTS t ()"), true)
      )
      if (yield* eventually(answers, 10)) return yield* note(field, "PostgreSQL recovered by itself")
      yield* note(field, "PostgreSQL had stopped itself; the campaign started it again")
      yield* server.down
      yield* server.up
    })
}

const storm: Phase = {
  name: "storm",
  what: "10,000 submits at once",
  run: (field) =>
    Effect.gen(function* () {
      const at = performance.now()
      yield* field.load.storm(10_000)
      yield* expected(
        field,
        "every submit was answered",
        Effect.sync(() => field.load.calls().every(({ ackedAt, kind }) => kind !== "Submit" || ackedAt !== undefined)),
        120
      )
      yield* note(field, `all answered within ${Math.round(performance.now() - at)} ms`)
    })
}

const heap: Phase = {
  name: "heap",
  what: "one runner at its heap limit, under a storm of 10,000 submits",
  run: (field) =>
    Effect.gen(function* () {
      const [victim] = yield* byHoldings(field.world.runners)
      yield* killed(field, victim!, "SIGTERM")
      yield* restarted(field, victim!, {
        env: { NODE_OPTIONS: "--max-old-space-size=56 --max-semi-space-size=1" }
      })
      const small = victim!.process()
      yield* field.load.storm(10_000)
      const ended = yield* Effect.timeoutOption(small.exited, field.seconds * 1_000)
      if (ended._tag === "Some") {
        const out = small.output().includes("heap out of memory") ? "out of memory" : `code ${ended.value}`
        yield* note(field, `the runner died (${out}) and was started again with a normal heap`)
      } else {
        yield* note(field, "the runner lived through it")
        yield* killed(field, victim!, "SIGKILL")
      }
      yield* restarted(field, victim!)
    })
}

const steady: Phase = { name: "steady", what: "nothing is done", run: () => Effect.void }

export const phases: ReadonlyArray<Phase> = [
  steady,
  kill,
  rolling,
  freeze,
  slow,
  postgresRestart,
  postgresAway,
  postgresCut("postgres-cut", "one runner is cut off PostgreSQL", ["toTarget", "fromTarget"]),
  postgresCut("postgres-cut-answers", "PostgreSQL hears one runner, which hears nothing from it", ["fromTarget"]),
  postgresCut("postgres-cut-requests", "PostgreSQL does not hear one runner, which hears it", ["toTarget"]),
  runnerCut("runner-cut", "nobody's packets reach one runner, nor come from it, for 12 s; PostgreSQL does", [
    "toTarget",
    "fromTarget"
  ]),
  runnerCut("runner-cut-answers", "one runner hears everybody for 12 s, and nobody hears its answers", ["fromTarget"]),
  runnerRefused,
  diskFull,
  storm,
  heap
]
