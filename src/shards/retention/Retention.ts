/**
 * Keeps the tables from growing without bound. Journal entries are removed when a snapshot covers them and they are
 * older than the history kept. Rows of declared tables that have ended (tasks and turns among them) with their outputs,
 * answered messages, idempotency keys, revoked API keys, dead messages, unused resources, and the rows of runners and
 * instances that have long been silent are removed by age. Dead letters (tasks) stay until they are replayed. Removed
 * entries can no longer be read on the feed, and a request id or a message's primary key of that age counts as new.
 *
 * Every runner tries; an advisory lock admits one at a time. Deletes are small, and each is followed by a pause as long
 * as the delete took, so that commits keep their share of the disk. Plain deletes suffice: vacuum makes the space
 * available to later writes. (Time partitions are not possible: the journal's primary key, which keeps two writers
 * apart, contains no time.)
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Config, Duration, Effect, Layer, Random, Record } from "effect"
import type { Table } from "../../schema/tables/Table.ts"
import { type Expired, expired, ofTable, type RowAges } from "./ExpiredRows.ts"
import * as Forgetting from "./Forgetting.ts"
import * as JournalPruning from "./JournalPruning.ts"
import * as MessagePruning from "../messages/MessagePruning.ts"

export interface RetentionOptions extends RowAges {
  readonly messages: Duration.Duration
  readonly every: Duration.Duration
  /** The tables of the cluster's actors, of which rows are removed as they declare. */
  readonly tables?: ReadonlyArray<Table>
}

export const settings = Config.all({
  history: Config.Duration("CLAWSTER_RETENTION_HISTORY").pipe(Config.withDefault(Duration.days(7))),
  tasks: Config.Duration("CLAWSTER_RETENTION_TASKS").pipe(Config.withDefault(Duration.days(7))),
  messages: Config.Duration("CLAWSTER_RETENTION_MESSAGES").pipe(Config.withDefault(Duration.days(7))),
  idempotencyKeys: Config.Duration("CLAWSTER_RETENTION_IDEMPOTENCY").pipe(Config.withDefault(Duration.days(7))),
  every: Config.Duration("CLAWSTER_RETENTION_EVERY").pipe(Config.withDefault(Duration.minutes(1)))
})

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

/** Numbers of rows, also by the name of each declared table; of outputs, of their pieces. */
export type Removed = Readonly<Record<"journal" | "messages" | keyof typeof expired, number>> & {
  readonly [table: string]: number
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

  const drain = Effect.fnUntraced(function* ({ atOnce, olderThan, text }: Expired) {
    const before = now - Duration.toMillis(olderThan(options))
    let removed = 0
    for (let n = 0; n < deletesASweep; n++) {
      const [took, rows] = yield* Effect.timed(
        sql.unsafe<{ count: number }>(`WITH gone AS (${text} RETURNING 1) SELECT count(*)::float8 AS count FROM gone`, [
          before
        ])
      )
      removed += rows[0]!.count
      if (rows[0]!.count < atOnce) break
      yield* Effect.sleep(took)
    }
    return removed
  })

  const remove = Effect.gen(function* () {
    const journal = yield* overJournal.sweep(now - Duration.toMillis(options.history))
    const messages = yield* overMessages.sweep(now - Duration.toMillis(options.messages))
    const ofTables = Object.assign({}, ...(options.tables ?? []).map(ofTable)) as Readonly<Record<string, Expired>>
    const rows = yield* Effect.all(Record.map(ofTables, drain))
    const removed = yield* Effect.all(Record.map(expired, drain))
    for (const text of longGone) yield* sql.unsafe(text)
    return { ...rows, journal, messages, ...removed } satisfies Removed as Removed
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

/** `tables`: those of the cluster's actors. */
export const layerConfig = (tables: ReadonlyArray<Table>) =>
  Layer.unwrap(Effect.map(settings, (options) => Layer.merge(layer({ ...options, tables }), Forgetting.layer(options))))
