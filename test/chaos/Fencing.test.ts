/** What a runner may still do after it was found dead, or cannot reach the store: nothing. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import { ownership } from "../../src/testing/checks/Ownership.ts"
import * as Audit from "../fixtures/store/Audit.ts"
import { Counter } from "../fixtures/Counter.ts"
import * as CounterLoad from "../fixtures/CounterLoad.ts"
import * as PgHistory from "../fixtures/store/PgHistory.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import * as FaultProxy from "../fixtures/servers/FaultProxy.ts"
import { until } from "../fixtures/Until.ts"

const script = fileURLToPath(new URL("../fixtures/processes/counterRunner.ts", import.meta.url))
const keys = Array.from({ length: 100 }, (_, n) => `key-${n}`)
const leaseMillis = 6_000
const layer = Cluster.layerClient().pipe(Layer.provideMerge(Postgres.layer))

/** A runner that reaches PostgreSQL through a proxy. */
const startRunner = Effect.gen(function* () {
  const { port: target, url } = yield* Postgres.TestPostgres
  const [port, proxyPort] = yield* Effect.all([TcpPorts.freePort, TcpPorts.freePort])
  const postgres = yield* FaultProxy.start({ port: proxyPort, target })
  const through = new URL(Redacted.value(url))
  through.port = String(proxyPort)
  const running = yield* Processes.start(script, [through.toString(), String(port)])
  return { ...running, postgres, address: `127.0.0.1:${port}` }
})

const shardsOf = (address: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ count: number }>(`SELECT count(*)::float8 AS count FROM clawster_shards WHERE owner = $1::text`, [
      address
    ])
  ).pipe(Effect.map((rows) => rows[0]!.count))
const serves = (address: string) => Effect.map(shardsOf(address), (count) => count > 50)
const isReleased = (address: string) => Effect.map(shardsOf(address), (count) => count === 0)

const jobs = Array.from({ length: 60 }, (_, n) => ({ key: `worker-${n}`, job: `slow-${n}` }))

const jobsEnded = Effect.map(PgHistory.read, (history) =>
  history
    .flatMap(({ events }) => events)
    .filter(({ _tag }) => _tag === "counter.job_ended")
    .map(({ job }) => job as string)
)

const checkHistory = Effect.gen(function* () {
  assert.deepStrictEqual(ownership(yield* PgHistory.read), [])
  assert.deepStrictEqual(yield* Audit.stale, new Map(), "no table has a row of a runner that did not own its shard")
})

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    yield* effect
    return (yield* Clock.currentTimeMillis) - began
  })

const cluster = Effect.gen(function* () {
  yield* Audit.install
  const [victim, ...others] = yield* Effect.all([startRunner, startRunner], { concurrency: 2 })
  const load = yield* CounterLoad.start(keys)
  for (const { address } of [victim, ...others]) yield* until("every runner owns shards", serves(address))
  yield* until(
    "every key was acknowledged",
    Effect.sync(() => load.totalAcknowledged() > 2 * keys.length)
  )
  const moreCalls = Effect.suspend(() => {
    const before = load.totalAcknowledged()
    return until(
      "every key answers again",
      Effect.sync(() => load.totalAcknowledged() > before + 5 * keys.length)
    )
  })
  const finish = Effect.gen(function* () {
    const report = yield* load.stop
    assert.deepStrictEqual(report.failures, [])
    assert.deepStrictEqual(yield* CounterLoad.totals(keys), report.acknowledged)
    yield* checkHistory
  })
  return { victim, load, moreCalls, finish }
})

describe("a runner that lost its shards", () => {
  it.live("lands nothing of what it had under way, neither while it is frozen nor once it is thawed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { finish, moreCalls, victim } = yield* cluster
        const counter = yield* ActorClient.make(Counter)
        yield* Effect.forEach(jobs, ({ job, key }) => counter(key).Work({ job }), { concurrency: 16, discard: true })
        victim.postgres.hold(["toTarget"])
        // How long commits pile up behind the cut; the runner that sent them is the only one to know of them.
        yield* Effect.sleep("300 millis")
        yield* victim.signal("SIGSTOP")
        yield* until("its shards are taken", isReleased(victim.address))
        yield* moreCalls

        const before = victim.postgres.passed("toTarget")
        victim.postgres.heal()
        yield* until(
          "commits that were on their way arrive",
          Effect.sync(() => victim.postgres.passed("toTarget") > before + 1_000)
        )
        yield* moreCalls
        yield* checkHistory

        yield* victim.signal("SIGCONT")
        const rejoined = yield* timed(until("it serves again", serves(victim.address)))
        assert.isBelow(rejoined, 10_000)
        yield* moreCalls
        yield* until(
          "every job ended",
          Effect.map(jobsEnded, (ended) => new Set(ended).size === jobs.length)
        )
        assert.strictEqual((yield* jobsEnded).length, jobs.length, "each job ended once")
        yield* finish
      })
    ).pipe(Effect.provide(layer))
  )

  it.live(
    "hears nothing from PostgreSQL: it is succeeded after its lease, comes back by itself, and can be stopped even when cut off",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { finish, moreCalls, victim } = yield* cluster
          victim.postgres.hold(["fromTarget"])
          const succeeded = yield* timed(until("its shards are taken", isReleased(victim.address)))
          assert.isBelow(succeeded, leaseMillis + 6_000, "renewals whose answers are lost do not keep a lease alive")
          yield* moreCalls
          victim.postgres.heal()
          const rejoined = yield* timed(until("it serves again", serves(victim.address)))
          assert.isBelow(rejoined, 10_000)
          yield* moreCalls

          victim.postgres.hold(["toTarget", "fromTarget"])
          yield* victim.signal("SIGTERM")
          const stopped = yield* timed(Effect.timeout(victim.exited, "30 seconds"))
          assert.isBelow(stopped, 20_000)
          yield* moreCalls
          yield* finish
        })
      ).pipe(Effect.provide(layer))
  )
})
