/**
 * Keeps the tables from growing for ever. Journal entries go when a snapshot has passed them and they are older than
 * the history kept; ended tasks and turns with their outputs, answered messages, idempotency keys and revoked API keys
 * when they are, and what runners that are long gone said of themselves. Dead letters stay until they are replayed.
 * What is removed can no longer be read on the feed, and a request id or a message's primary key that old is new again.
 *
 * Every runner tries; an advisory lock lets one through at a time. Deletes are small, with a pause after each as long
 * as it took, so that they leave commits their share of the disk. Plain deletes are enough: vacuum hands the space on
 * to what is written next. (Time partitions cannot be had: the journal's primary key, which is what keeps two writers
 * apart, has no time in it.)
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
/** Each up to 64 Ki characters. */
const piecesADelete = 200
/** An output is written before the commit that names it, which comes soon or never. */
const youngestOrphanMillis = 3_600_000
/** Bounds one sweep; what is left waits for the next. */
const deletesASweep = 1_000
const lockKey = 7_373_001

/**
 * Of runners and instances that nobody has heard of for a day, of instances that were deregistered, and of such as
 * their runner has removed since. A shard keeps its row, and with it its epoch, for ever.
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
  /** Pieces of them. */
  readonly outputs: number
  readonly messages: number
  readonly idempotencyKeys: number
  readonly revokedKeys: number
}

/**
 * One sweep. Undefined when another runner is at it. `pass`, `messagePass`: the passes over journal and messages to go
 * on with; new ones when absent.
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
    for (const text of longGone) yield* sql.unsafe(text)
    return { journal, tasks, turns, outputs, messages, idempotencyKeys, revokedKeys } satisfies Removed
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
        if (removed !== undefined && removed.journal + removed.tasks + removed.messages > 0) {
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
