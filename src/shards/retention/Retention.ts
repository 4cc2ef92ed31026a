/**
 * Keeps the tables from growing without bound. Journal entries are removed when a snapshot covers them and they are
 * older than the history kept. Ended tasks and turns with their outputs, answered messages, idempotency keys, revoked
 * API keys, dead messages, and the rows of runners and instances that have long been silent are removed by age. Dead
 * letters (tasks) stay until they are replayed. Removed entries can no longer be read on the feed, and a request id or
 * a message's primary key of that age counts as new.
 *
 * Every runner tries; an advisory lock admits one at a time. Deletes are small, and each is followed by a pause as long
 * as the delete took, so that commits keep their share of the disk. Plain deletes suffice: vacuum makes the space
 * available to later writes. (Time partitions are not possible: the journal's primary key, which keeps two writers
 * apart, contains no time.)
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Config, Duration, Effect, Layer, Random } from "effect"
import * as Forgetting from "./Forgetting.ts"
import * as JournalPruning from "./JournalPruning.ts"
import * as MessagePruning from "../messages/MessagePruning.ts"

export interface RetentionOptions {
  readonly history: Duration.Duration
  readonly tasks: Duration.Duration
  readonly messages: Duration.Duration
  readonly idempotencyKeys: Duration.Duration
  readonly every: Duration.Duration
}

export const settings = Config.all({
  history: Config.Duration("CLAWSTER_RETENTION_HISTORY").pipe(Config.withDefault(Duration.days(7))),
  tasks: Config.Duration("CLAWSTER_RETENTION_TASKS").pipe(Config.withDefault(Duration.days(7))),
  messages: Config.Duration("CLAWSTER_RETENTION_MESSAGES").pipe(Config.withDefault(Duration.days(7))),
  idempotencyKeys: Config.Duration("CLAWSTER_RETENTION_IDEMPOTENCY").pipe(Config.withDefault(Duration.days(7))),
  every: Config.Duration("CLAWSTER_RETENTION_EVERY").pipe(Config.withDefault(Duration.minutes(1)))
})

const rowsADelete = 1_000
/** Pieces of outputs per delete; each has up to 64 Ki characters. */
const piecesADelete = 200
/**
 * Minimum age of an output that is removed as an orphan: an output is written before the commit that references it, and
 * that commit comes soon or never.
 */
const youngestOrphanMillis = 3_600_000
/** Limit of one sweep. The next sweep continues with the rest. */
const deletesASweep = 1_000
const lockKey = 7_373_001

/**
 * Deletes the rows of runners and instances that have been silent for a day, heartbeats of deregistered instances, and
 * tombstones of instances that their runner has removed since. A shard keeps its row, and with it its epoch, for ever.
 */
const longGone = [
  `DELETE FROM clawster_runners WHERE lease_until < clock_timestamp() - interval '1 day'`,
  `DELETE FROM clawster_runner_reports WHERE at < clock_timestamp() - interval '1 day'`,
  `DELETE FROM clawster_heartbeats WHERE at < clock_timestamp() - interval '1 day'`,
  `DELETE FROM clawster_heartbeats h WHERE h.at < clock_timestamp() - interval '1 minute'
   AND NOT EXISTS (SELECT 1 FROM clawster_views v WHERE v.entity_type = 'Instance' AND v.entity_id = h.entity_id)`,
  `DELETE FROM clawster_tombstones t WHERE t.at < clock_timestamp() - interval '1 hour'
   AND NOT EXISTS (SELECT 1 FROM clawster_views v WHERE v.entity_type = 'Instance' AND v.entity_id = t.entity_id)`
]

export interface Removed {
  readonly journal: number
  readonly tasks: number
  readonly turns: number
  /** Number of pieces. */
  readonly outputs: number
  readonly messages: number
  readonly idempotencyKeys: number
  readonly revokedKeys: number
  readonly deadMessages: number
}

/** Whether a sweep has removed any row that it counts. */
export const isAny = (removed: Removed): boolean => Object.values(removed).some((count) => count > 0)

/**
 * Runs one sweep. Undefined when another runner is sweeping. `pass`, `messagePass`: the pruners of the journal and of
 * messages to continue with; new ones when absent.
 */
export const sweep = Effect.fn("Retention.sweep")(function* (
  options: RetentionOptions,
  pass?: JournalPruning.JournalPruning,
  messagePass?: MessagePruning.MessagePruning
) {
  const sql = yield* PgClient.PgClient
  const overJournal = pass ?? (yield* JournalPruning.make)
  const overMessages = messagePass ?? (yield* MessagePruning.make)
  const now = yield* Clock.currentTimeMillis

  const drain = Effect.fnUntraced(function* (text: string, params: ReadonlyArray<unknown>, atOnce = rowsADelete) {
    let removed = 0
    for (let n = 0; n < deletesASweep; n++) {
      const [took, rows] = yield* Effect.timed(
        sql.unsafe<{ count: number }>(
          `WITH gone AS (${text} RETURNING 1) SELECT count(*)::float8 AS count FROM gone`,
          params
        )
      )
      removed += rows[0]!.count
      if (rows[0]!.count < atOnce) break
      yield* Effect.sleep(took)
    }
    return removed
  })

  const remove = Effect.gen(function* () {
    const journal = yield* overJournal.sweep(now - Duration.toMillis(options.history))
    const tasks = yield* drain(
      `DELETE FROM clawster_tasks WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_tasks
         WHERE ended_at < $1::bigint AND phase IN ('completed', 'failed', 'cancelled') LIMIT ${rowsADelete}))`,
      [now - Duration.toMillis(options.tasks)]
    )
    const turns = yield* drain(
      `DELETE FROM clawster_turns WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_turns WHERE ended_at < $1::bigint LIMIT ${rowsADelete}))`,
      [now - Duration.toMillis(options.tasks)]
    )
    const outputs = yield* drain(
      `DELETE FROM clawster_outputs WHERE ctid = ANY (ARRAY(
         SELECT o.ctid FROM clawster_outputs o
         WHERE o.at < now() - $1::bigint * interval '1 millisecond'
           AND NOT EXISTS (
             SELECT FROM clawster_tasks t WHERE o.owner LIKE 'task/%' AND t.tenant_id = o.tenant_id AND t.task_id = substr(o.owner, 6))
           AND NOT EXISTS (
             SELECT FROM clawster_turns t WHERE o.owner LIKE 'turn/%' AND t.tenant_id = o.tenant_id
               AND t.session_id = split_part(o.owner, '/', 2) AND t.turn_id = split_part(o.owner, '/', 3))
         ORDER BY o.at LIMIT ${piecesADelete}))`,
      [Math.max(Duration.toMillis(options.tasks), youngestOrphanMillis)],
      piecesADelete
    )
    const messages = yield* overMessages.sweep(now - Duration.toMillis(options.messages))
    const idempotencyKeys = yield* drain(
      `DELETE FROM clawster_idempotency WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_idempotency
         WHERE created_at < now() - $1::bigint * interval '1 millisecond' LIMIT ${rowsADelete}))`,
      [Duration.toMillis(options.idempotencyKeys)]
    )
    const revokedKeys = yield* drain(
      `DELETE FROM clawster_keys WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_keys WHERE revoked_at < $1::bigint LIMIT ${rowsADelete}))`,
      [now - Duration.toMillis(options.history)]
    )
    const deadMessages = yield* drain(
      `DELETE FROM clawster_dead_messages WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM clawster_dead_messages WHERE at < $1::bigint ORDER BY at LIMIT ${rowsADelete}))`,
      [now - Duration.toMillis(options.history)]
    )
    for (const text of longGone) yield* sql.unsafe(text)
    return { journal, tasks, turns, outputs, messages, idempotencyKeys, revokedKeys, deadMessages } satisfies Removed
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
    Effect.gen(function* () {
      const every = Duration.toMillis(options.every)
      const pass = yield* JournalPruning.make
      const messagePass = yield* MessagePruning.make
      yield* Effect.gen(function* () {
        yield* Effect.sleep(yield* Random.nextBetween(every / 2, every))
        const removed = yield* sweep(options, pass, messagePass)
        if (removed !== undefined && isAny(removed)) {
          yield* Effect.logInfo("History was pruned").pipe(
            Effect.annotateLogs({ event: "retention.swept", ...removed })
          )
        }
      }).pipe(
        Effect.catchCause((cause) => Effect.logWarning("History could not be pruned; the next sweep will try", cause)),
        Effect.forever,
        Effect.forkScoped
      )
    })
  )

export const layerConfig = Layer.unwrap(
  Effect.map(settings, (options) => Layer.merge(layer(options), Forgetting.layer(options)))
)
