/**
 * How a runner claims the messages that it is to process. Reading a message claims it, so that the next read does not
 * find it again. A claim is only a hint: when it is lost, the message is read again, and the cluster skips a message
 * that is in flight. Claims therefore do not wait for the disk.
 *
 * A claimed message may remain unprocessed: its read was cancelled after the database had executed it, or its shard was
 * just moving. In the cluster's own storage such a message waits for ten minutes. Here its claim is released after
 * `claimMillis`; every `lookEveryMillis` the oldest such claims are looked for, up to a limit.
 *
 * A runner that takes over shards releases all claims on them, in batches: the cluster waits for that for a moment
 * only, and interrupts what takes longer.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Fiber, Schedule } from "effect"
import type { EntityAddress } from "effect/cluster"
import { ArrayParameters } from "../journal/ArrayParameters.ts"
import type { Statement } from "../journal/CommitStatement.ts"
import { exitKind, messageOf, type MessageRow, messagesTable, repliesTable, selectMessage } from "./MessageRows.ts"

const statementTimeout = "10 seconds"
const claimMillis = 30_000
const lookEveryMillis = 10_000
const claimsGivenUpAtOnce = 1_000
const claimsResetAtOnce = 5_000
/** Maximum batches of one reset, and maximum retries of each. */
const resetParts = 2_000
const resetTries = 30

interface ReadOptions {
  readonly limit?: number | undefined
  readonly addresses?: ReadonlyArray<EntityAddress.EntityAddress> | undefined
}

const separator = "\u001f"

const read = (shardIds: ReadonlyArray<string>, now: number, { addresses, limit }: ReadOptions) => {
  const parameters = new ArrayParameters()
  const shards = parameters.list("text", shardIds)
  const ofAddresses =
    addresses === undefined
      ? ""
      : `AND m.entity_type || chr(31) || m.entity_id = ANY (${parameters.list(
          "text",
          addresses.map(({ entityId, entityType }) => `${entityType}${separator}${entityId}`)
        )})`
  const params = [...parameters.values, now, limit ?? null]
  const text = `WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
picked AS MATERIALIZED (
  SELECT m.id FROM ${messagesTable} m
  WHERE m.processed = FALSE AND m.last_read IS NULL AND m.shard_id = ANY (${shards})
    AND coalesce(m.deliver_at, 0) <= $${params.length - 1}::bigint ${ofAddresses}
    AND NOT EXISTS (
      SELECT FROM ${repliesTable} r WHERE r.request_id = m.request_id AND (r.kind = ${exitKind} OR r.acked = FALSE)
    )
  ORDER BY m.rowid LIMIT $${params.length}::bigint FOR UPDATE
), claimed AS (
  UPDATE ${messagesTable} m SET last_read = now() FROM picked WHERE m.id = picked.id RETURNING m.*
)
SELECT ${selectMessage} FROM lazily, claimed m LEFT JOIN ${repliesTable} r ON r.id = m.last_reply_id ORDER BY m.rowid`
  return { text, params }
}

/** Locks in the same order as every other statement on these rows. */
const release = (shardIds: ReadonlyArray<string>, which: string) => {
  const parameters = new ArrayParameters()
  const shards = parameters.list("text", shardIds)
  const text = `WITH released AS MATERIALIZED (
  SELECT id FROM ${messagesTable} WHERE processed = FALSE AND id = ANY (ARRAY(
    SELECT id FROM ${messagesTable} WHERE processed = FALSE AND last_read IS NOT NULL AND shard_id = ANY (${shards}) ${which}
  )) ORDER BY rowid FOR UPDATE
)
UPDATE ${messagesTable} m SET last_read = NULL FROM released WHERE m.id = released.id RETURNING 1`
  return { text, params: parameters.values }
}

const giveUp = (shardIds: ReadonlyArray<string>) =>
  release(
    shardIds,
    `AND last_read < now() - ${claimMillis} * interval '1 millisecond' ORDER BY last_read LIMIT ${claimsGivenUpAtOnce}`
  )

const reset = (shardIds: ReadonlyArray<string>) => release(shardIds, `LIMIT ${claimsResetAtOnce}`)

export const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const scope = yield* Effect.scope
  let lookAt = 0
  const run = <Row extends object>({ params, text }: Statement) =>
    Effect.timeout(sql.unsafe<Row>(text, params), statementTimeout)

  const giveUpOld = (shardIds: ReadonlyArray<string>) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now < lookAt) return Effect.void
      lookAt = now + lookEveryMillis
      return Effect.asVoid(run(giveUp(shardIds)))
    })

  const resetAll = Effect.fnUntraced(function* (shardIds: ReadonlyArray<string>) {
    for (let n = 0; n < resetParts; n++) {
      const released = yield* Effect.retry(run(reset(shardIds)), {
        times: resetTries,
        schedule: Schedule.spaced("1 second")
      })
      if (released.length < claimsResetAtOnce) return
    }
  })

  return {
    /** Claims the due messages of these shards, the oldest first. */
    take: (shardIds: ReadonlyArray<string>, now: number, options: ReadOptions = {}) =>
      giveUpOld(shardIds).pipe(
        Effect.andThen(run<MessageRow>(read(shardIds, now, options))),
        Effect.map((rows) => rows.map(messageOf))
      ),
    /** Releases every claim on these shards, which have a new runner. Continues when its caller is interrupted. */
    reset: (shardIds: ReadonlyArray<string>) => Effect.flatMap(Effect.forkIn(resetAll(shardIds), scope), Fiber.join)
  }
})
