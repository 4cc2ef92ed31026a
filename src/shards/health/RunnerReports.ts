/**
 * The report that a runner writes with every heartbeat, and its reaction when it finds that it cannot serve: it leaves,
 * one runner at a time. An unavailable database is not a runner's fault, so no runner leaves because of it.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect, Layer, Option } from "effect"
import { ShardingConfig } from "effect/cluster"
import { Ownership } from "../../actor/Ownership.ts"
import { SecretBox } from "../../actor/SecretBox.ts"
import { ActivationDirectory } from "../../actor/runtime/ActivationDirectory.ts"
import { heartbeatMillis } from "../../schema/instance/Liveness.ts"
import * as Fitness from "./Fitness.ts"
import { OwnedShards } from "../leases/OwnedShards.ts"
import * as ServedProbe from "./ServedProbe.ts"
import { RunnerUnfit, Unfit } from "./UnfitRunner.ts"
import * as Vitals from "./Vitals.ts"

export interface ReportOptions {
  readonly hostName: string
  readonly version: string
}

/** The report as it is stored. */
export interface Report {
  readonly hostName: string
  readonly version: string
  readonly startedAt: number
  readonly resident: number
  readonly descriptors?: Vitals.Vitals["descriptors"]
  readonly lagMillis: number
  readonly rssBytes: number
  /** Id of the key that encrypts secrets (SecretSweep.ts). Absent without one, and in reports of earlier versions. */
  readonly secretKey?: string
  /** The fault that the latest sample shows (Fitness.ts); absent when there is none. */
  readonly unfit?: string
}

const answerTimeout = "2 seconds"
const advice =
  "what used it up is in the log before this; its shards go to other runners, and its supervisor should start it again"

const make = Effect.fnUntraced(function* ({ hostName, version }: ReportOptions) {
  const config = yield* ShardingConfig.ShardingConfig
  const address = Option.getOrThrow(config.runnerAddress)
  const name = `${address.host}:${address.port}`
  const sql = yield* PgClient.PgClient
  const held = yield* OwnedShards
  const ownership = yield* Ownership
  const residents = yield* ActivationDirectory
  const unfit = yield* Unfit
  const { current: secretKey } = yield* SecretBox
  const vitals = yield* Vitals.make
  const probe = yield* ServedProbe.make
  const startedAt = yield* Clock.currentTimeMillis
  const leaseMillis = Duration.toMillis(Duration.fromInputUnsafe(config.shardLockExpiration))

  const asked = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A | undefined> =>
    effect.pipe(
      Effect.timeout(answerTimeout),
      Effect.catchCause(() => Effect.undefined)
    )

  const write = (report: Report) =>
    asked(
      sql.unsafe<{ at: number }>(
        `INSERT INTO clawster_runner_reports (address, report, at) VALUES ($1::text, $2::text::json, clock_timestamp())
         ON CONFLICT (address) DO UPDATE SET report = EXCLUDED.report, at = EXCLUDED.at RETURNING 1 AS at`,
        [name, JSON.stringify(report)]
      )
    )

  const othersWrite = Effect.map(
    asked(
      sql.unsafe(
        `SELECT 1 FROM clawster_runner_reports WHERE address <> $1::text AND at > clock_timestamp() - interval '10 seconds' LIMIT 1`,
        [name]
      )
    ),
    (rows) => (rows?.length ?? 0) > 0
  )

  /** One owned shard of each placement. */
  const own = Effect.map(ownership.owned, (shardIds) => [
    ...new Map(
      shardIds.map((shardId) => [shardId.slice(0, shardId.lastIndexOf(":")), { address: name, shardId }])
    ).values()
  ])

  /**
   * Whether this runner may leave: no other runner has left within the last 30 s. When the store does not answer, the
   * lease decides: a runner without a lease is no loss to the others.
   */
  const mayLeave = Effect.map(
    asked(
      sql.unsafe(
        `INSERT INTO clawster_departures AS d (single, address, at) VALUES (true, $1::text, clock_timestamp())
         ON CONFLICT (single) DO UPDATE SET address = EXCLUDED.address, at = EXCLUDED.at
           WHERE d.address = EXCLUDED.address OR d.at < clock_timestamp() - interval '30 seconds'
         RETURNING 1`,
        [name]
      )
    ),
    (rows) => (rows === undefined ? !held.leaseHolds() : rows.length > 0)
  )

  const leave = (cause: string) =>
    Effect.gen(function* () {
      const isFree = yield* mayLeave
      yield* Effect.annotateLogs(Effect.logError(`This runner cannot serve: ${cause}`), {
        event: "runner.unfit",
        what: isFree ? "it hands its shards over and ends" : "it waits, since another has just left"
      })
      if (isFree) yield* unfit(new RunnerUnfit({ message: `this runner cannot serve: ${cause}`, advice }))
    })

  let fitness = Fitness.fit
  const round = Effect.gen(function* () {
    const now = yield* vitals
    const probes = yield* Effect.flatMap(own, probe)
    const serves = probes.every(({ ok }) => ok)
    const found = Fitness.present({ ...now, wrote: true, othersWrite: true, serves, leaseMillis })
    const report = {
      hostName,
      version,
      startedAt,
      resident: residents.count(),
      ...now,
      ...(secretKey === undefined ? {} : { secretKey }),
      ...(found === undefined ? {} : { unfit: found })
    }
    const wrote = (yield* write(report)) !== undefined
    const sample = { ...now, wrote, othersWrite: wrote || (yield* othersWrite), serves, leaseMillis }
    fitness = Fitness.next(fitness, sample)
    if (fitness.cause !== undefined) yield* leave(fitness.cause)
  })
  yield* round.pipe(
    Effect.catchCause((cause) => Effect.logWarning("This runner could not look at itself", cause)),
    Effect.andThen(Effect.sleep(heartbeatMillis)),
    Effect.forever,
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() =>
    asked(sql.unsafe(`DELETE FROM clawster_runner_reports WHERE address = $1::text`, [name])).pipe(Effect.asVoid)
  )
})

export const layer = (options: ReportOptions) =>
  Layer.effectDiscard(make(options)).pipe(Layer.provideMerge(ServedProbe.layer))
