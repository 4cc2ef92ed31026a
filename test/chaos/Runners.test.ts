import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as CounterLoad from "../fixtures/CounterLoad.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import { fileURLToPath } from "node:url"
import { until } from "../fixtures/Until.ts"

const script = fileURLToPath(new URL("../fixtures/processes/counterRunner.ts", import.meta.url))
const keys = Array.from({ length: 100 }, (_, n) => `key-${n}`)
const leaseMillis = 6_000

const startRunner = Effect.gen(function* () {
  const { url } = yield* Postgres.TestPostgres
  const port = yield* TcpPorts.freePort
  return { port, ...(yield* Processes.start(script, [Redacted.value(url), String(port)])) }
})

const shardsOf = (port: number) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ count: number }>(`SELECT count(*)::float8 AS count FROM clawster_shards WHERE owner = $1::text`, [
      `127.0.0.1:${port}`
    ])
  ).pipe(Effect.map((rows) => rows[0]!.count))

/** A row under an epoch lower than one that was granted before it would be a stale owner's write (I1). */
const staleRows = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ count: number }>(
    `SELECT count(*)::float8 AS count FROM (
       SELECT epoch, max(epoch) OVER (PARTITION BY shard_id ORDER BY tx, position) AS highest FROM clawster_journal
     ) AS ordered WHERE epoch < highest`
  )
).pipe(Effect.map((rows) => rows[0]!.count))

const underLoad = <A, E, R>(
  disturb: (
    runners: ReadonlyArray<Processes.Running & { readonly port: number }>,
    load: Effect.Success<ReturnType<typeof CounterLoad.start>>
  ) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const runners = yield* Effect.all([startRunner, startRunner, startRunner], { concurrency: 3 })
      const load = yield* CounterLoad.start(keys)
      for (const { port } of runners)
        yield* until(
          "every runner owns shards",
          Effect.map(shardsOf(port), (n) => n > 50)
        )
      yield* until(
        "every key was acknowledged",
        Effect.sync(() => load.totalAcknowledged() > 2 * keys.length)
      )
      yield* load.mark
      const result = yield* disturb(runners, load)
      const report = yield* load.stop
      assert.deepStrictEqual(report.failures, [])
      assert.deepStrictEqual(yield* CounterLoad.totals(keys), report.acknowledged)
      assert.strictEqual(yield* staleRows, 0)
      return { result, report }
    })
  ).pipe(Effect.provide(Cluster.layerClient([]).pipe(Layer.provideMerge(Postgres.layer))))

const moreCalls = (load: { readonly totalAcknowledged: () => number }) =>
  Effect.suspend(() => {
    const before = load.totalAcknowledged()
    return until(
      "every key answers again",
      Effect.sync(() => load.totalAcknowledged() > before + 5 * keys.length)
    )
  })

describe("runners", () => {
  it.live("lose nothing and double nothing when one is killed", () =>
    Effect.gen(function* () {
      const { report } = yield* underLoad(([victim], load) =>
        Effect.gen(function* () {
          yield* victim!.signal("SIGKILL")
          yield* until(
            "its shards are taken",
            Effect.map(shardsOf(victim!.port), (n) => n === 0)
          )
          yield* moreCalls(load)
        })
      )
      assert.isBelow(report.longestSilenceMillis, leaseMillis, "a closed port is noticed before the lease runs out")
    })
  )

  it.live("lose nothing when one is frozen, and a thawed one lands no stale write and serves again", () =>
    underLoad(([victim], load) =>
      Effect.gen(function* () {
        yield* victim!.signal("SIGSTOP")
        yield* until(
          "its shards are taken",
          Effect.map(shardsOf(victim!.port), (n) => n === 0)
        )
        yield* moreCalls(load)
        yield* victim!.signal("SIGCONT")
        yield* until(
          "it serves again",
          Effect.map(shardsOf(victim!.port), (n) => n > 50)
        )
        yield* moreCalls(load)
        yield* victim!.signal("SIGTERM")
        assert.strictEqual(yield* victim!.exited, 0)
      })
    )
  )

  it.live("stop acknowledging while PostgreSQL is away, and resume by themselves when it is back", () =>
    underLoad((_, load) =>
      Effect.gen(function* () {
        const postgres = yield* Postgres.TestPostgres
        yield* postgres.down
        const acknowledged = load.totalAcknowledged()
        // The fault's own length: longer than the lease of 6 s, and nothing may happen in it that could be waited for.
        yield* Effect.sleep("8 seconds")
        assert.isAtMost(load.totalAcknowledged() - acknowledged, keys.length, "only what was committed may be answered")
        yield* postgres.up
        yield* moreCalls(load)
      })
    )
  )

  it.live("hand over when one is told to stop, and it exits 0", () =>
    underLoad(([victim], load) =>
      Effect.gen(function* () {
        yield* victim!.signal("SIGTERM")
        assert.strictEqual(yield* victim!.exited, 0)
        assert.strictEqual(yield* shardsOf(victim!.port), 0)
        yield* moreCalls(load)
      })
    )
  )
})
