/**
 * Keeps the tables from growing for ever. Journal entries go when a snapshot has passed them and they are older than the history kept; ended tasks
 * and idempotency keys when they are. What is removed can no longer be read on the feed, and a request id that old is new again.
 *
 * Every runner tries; an advisory lock lets one through at a time. Each delete is bounded, so that it never holds up commits.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Config, Duration, Effect, Layer, Random } from "effect"

export interface RetentionOptions {
  readonly history: Duration.Duration
  readonly tasks: Duration.Duration
  readonly idempotencyKeys: Duration.Duration
  readonly every: Duration.Duration
}

export const settings = Config.all({
  history: Config.Duration("CLAWSTER_RETENTION_HISTORY").pipe(Config.withDefault(Duration.days(7))),
  tasks: Config.Duration("CLAWSTER_RETENTION_TASKS").pipe(Config.withDefault(Duration.days(7))),
  idempotencyKeys: Config.succeed(Duration.days(7)),
  every: Config.Duration("CLAWSTER_RETENTION_EVERY").pipe(Config.withDefault(Duration.minutes(1)))
})

const rowsADelete = 5_000
/** Bounds one sweep; what is left waits for the next. */
const deletesASweep = 200
const lockKey = 7_373_001

export interface Removed {
  readonly journal: number
  readonly tasks: number
  readonly idempotencyKeys: number
}

/** One sweep. Undefined when another runner is at it. */
export const sweep = Effect.fn("Retention.sweep")(function*(options: RetentionOptions) {
  const sql = yield* PgClient.PgClient
  const now = yield* Clock.currentTimeMillis

  const drain = Effect.fnUntraced(function*(text: string, params: ReadonlyArray<unknown>) {
    let removed = 0
    for (let n = 0; n < deletesASweep; n++) {
      const rows = yield* sql.unsafe<{ count: number }>(
        `WITH gone AS (${text} RETURNING 1) SELECT count(*)::float8 AS count FROM gone`,
        params
      )
      removed += rows[0]!.count
      if (rows[0]!.count < rowsADelete) break
    }
    return removed
  })

  const remove = Effect.gen(function*() {
    const journal = yield* drain(
      `DELETE FROM clawster_journal WHERE ctid = ANY (ARRAY(
         SELECT j.ctid FROM clawster_journal j
         JOIN clawster_snapshots s USING (entity_type, entity_id)
         WHERE j.seq <= s.seq AND j.at < $1::bigint LIMIT ${rowsADelete}))`,
      [now - Duration.toMillis(options.history)]
    )
    const tasks = yield* drain(
      `DELETE FROM clawster_tasks WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_tasks
         WHERE ended_at < $1::bigint AND phase IN ('completed', 'failed', 'cancelled') LIMIT ${rowsADelete}))`,
      [now - Duration.toMillis(options.tasks)]
    )
    const idempotencyKeys = yield* drain(
      `DELETE FROM clawster_idempotency WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_idempotency
         WHERE created_at < now() - $1::bigint * interval '1 millisecond' LIMIT ${rowsADelete}))`,
      [Duration.toMillis(options.idempotencyKeys)]
    )
    return { journal, tasks, idempotencyKeys } satisfies Removed
  })

  const connection = yield* sql.reserve
  const locked = yield* connection.execute(`SELECT pg_try_advisory_lock(${lockKey}) AS locked`, [], undefined)
  if ((locked[0] as { locked: boolean }).locked !== true) return undefined
  return yield* Effect.ensuring(
    remove,
    Effect.ignore(connection.execute(`SELECT pg_advisory_unlock(${lockKey})`, [], undefined))
  )
}, Effect.scoped)

export const layer = (options: RetentionOptions) =>
  Layer.effectDiscard(
    Effect.gen(function*() {
      const every = Duration.toMillis(options.every)
      yield* Effect.sleep(yield* Random.nextBetween(every / 2, every))
      const removed = yield* sweep(options)
      if (removed !== undefined && removed.journal + removed.tasks > 0) {
        yield* Effect.logInfo("History was pruned").pipe(Effect.annotateLogs({ event: "retention.swept", ...removed }))
      }
    }).pipe(
      Effect.catchCause((cause) => Effect.logWarning("History could not be pruned; the next sweep will try", cause)),
      Effect.forever,
      Effect.forkScoped
    )
  )

export const layerConfig = Layer.unwrap(Effect.map(settings, layer))
