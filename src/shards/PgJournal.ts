/** The statements of StoredJournal.ts on PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import {
  type ActorAddress,
  type Entry,
  Journal,
  type OutboxMessage,
  type RecordedAnswer,
  type Snapshot,
  type WakeRow
} from "../actor/Journal.ts"
import { build } from "./CommitStatement.ts"
import { type Claim, claimKey } from "./GroupCommit.ts"
import * as StoredJournal from "./StoredJournal.ts"
import * as SqlFailure from "./SqlFailure.ts"

const wakesARead = 10_000

const keyOf = ({ entityId, entityType }: ActorAddress) => [entityType, entityId]

const ofActor = "entity_type = $1::text AND entity_id = $2::text"
const loading = `
  WITH snapshot AS MATERIALIZED (SELECT seq, version, state FROM clawster_snapshots WHERE ${ofActor} AND version = $3::int)
  SELECT
    (SELECT json_build_object('seq', seq, 'version', version, 'state', state) FROM snapshot) AS snapshot,
    (SELECT seq::float8 FROM clawster_snapshots WHERE ${ofActor} AND version <> $3::int) AS "passedOver",
    (SELECT json_agg(json_build_object('seq', seq, 'requestId', request_id, 'command', command, 'payloadHash', payload_hash,
       'events', events, 'answer', answer, 'at', at) ORDER BY seq)
     FROM clawster_journal WHERE ${ofActor} AND seq > coalesce((SELECT seq FROM snapshot), 0)) AS entries,
    (SELECT json_agg(json_build_object('seq', seq, 'ordinal', ordinal, 'targetType', target_type, 'targetId', target_id,
       'tag', tag, 'payload', payload) ORDER BY seq, ordinal)
     FROM clawster_outbox WHERE ${ofActor}) AS outbox,
    (SELECT json_build_object('dueAt', due_at, 'resident', resident) FROM clawster_wakes WHERE ${ofActor}) AS wake`

const ofShards = "shard_id IN (SELECT json_array_elements_text($1::text::json))"
const address = `entity_type AS "entityType", entity_id AS "entityId", shard_id AS "shardId"`

/** The first to be due. The others are, when these have been run. */
const due = (sql: PgClient.PgClient, shardIds: ReadonlyArray<string>, until: number) =>
  sql.unsafe<ActorAddress & { readonly dueAt: number }>(
    `SELECT ${address}, due_at::float8 AS "dueAt" FROM clawster_wakes
     WHERE ${ofShards} AND NOT resident AND due_at <= $2::bigint ORDER BY due_at LIMIT ${wakesARead}`,
    [JSON.stringify(shardIds), until]
  )

/** All of them, page by page: whoever is left out is never woken. */
const underWay = Effect.fnUntraced(function*(sql: PgClient.PgClient, shardIds: ReadonlyArray<string>) {
  const found: Array<ActorAddress> = []
  while (true) {
    const last = found.at(-1)
    const page = yield* sql.unsafe<ActorAddress>(
      `SELECT DISTINCT ${address} FROM (
         SELECT entity_type, entity_id, shard_id FROM clawster_wakes WHERE ${ofShards} AND resident
         UNION ALL
         SELECT entity_type, entity_id, shard_id FROM clawster_outbox WHERE ${ofShards}
       ) AS active WHERE (entity_type, entity_id) > ($2::text, $3::text) ORDER BY 1, 2 LIMIT ${wakesARead}`,
      [JSON.stringify(shardIds), last?.entityType ?? "", last?.entityId ?? ""]
    )
    for (const one of page) found.push(one)
    if (page.length < wakesARead) return found
  }
})

const statements = (sql: PgClient.PgClient): StoredJournal.JournalStatements => ({
  write: (commits) =>
    Effect.try({ try: () => build(commits), catch: SqlFailure.ofUnsent }).pipe(
      Effect.flatMap(({ params, text }) => Effect.mapError(sql.unsafe<Claim>(text, params), SqlFailure.ofSqlError)),
      Effect.map((rows) => new Set(rows.map(claimKey)))
    ),
  removeOutbox: (messages) =>
    Effect.asVoid(sql.unsafe(
      `DELETE FROM clawster_outbox o
       USING json_to_recordset($1::text::json) AS x(t text, i text, n bigint, o int)
       WHERE o.entity_type = x.t AND o.entity_id = x.i AND o.seq = x.n AND o.ordinal = x.o`,
      [JSON.stringify(messages.map(({ entityId, entityType, ordinal, seq }) => ({
        t: entityType,
        i: entityId,
        n: seq,
        o: ordinal
      })))]
    )),
  load: (address, version) =>
    sql.unsafe<{
      readonly snapshot: Snapshot | null
      readonly passedOver: number | null
      readonly entries: ReadonlyArray<Entry> | null
      readonly outbox: ReadonlyArray<Omit<OutboxMessage, "id">> | null
      readonly wake: WakeRow | null
    }>(loading, [...keyOf(address), version]).pipe(
      Effect.map(([row]) => ({
        snapshot: row!.snapshot ?? undefined,
        passedOver: row!.passedOver ?? 0,
        entries: row!.entries ?? [],
        outbox: (row!.outbox ?? []).map((message) => ({
          ...message,
          id: `${address.entityType}/${address.entityId}/${message.seq}/${message.ordinal}`
        })),
        wake: row!.wake ?? undefined
      }))
    ),
  findAnswers: (address, requestIds) =>
    sql.unsafe<RecordedAnswer>(
      `SELECT request_id AS "requestId", payload_hash AS "payloadHash", answer FROM clawster_journal
       WHERE entity_type = $1::text AND entity_id = $2::text AND answer IS NOT NULL
         AND request_id IN (SELECT json_array_elements_text($3::text::json))`,
      [...keyOf(address), JSON.stringify(requestIds)]
    ),
  saveSnapshot: (address, epoch, snapshot) =>
    Effect.asVoid(sql.unsafe(
      `WITH fence AS (
         SELECT 1 FROM clawster_shards WHERE shard_id = $3::text AND epoch = $4::bigint FOR SHARE
       )
       INSERT INTO clawster_snapshots (entity_type, entity_id, seq, version, state)
       SELECT $1::text, $2::text, $5::bigint, $6::int, $7::text::json FROM fence
       ON CONFLICT (entity_type, entity_id) DO UPDATE
         SET seq = EXCLUDED.seq, version = EXCLUDED.version, state = EXCLUDED.state
         WHERE clawster_snapshots.seq <= EXCLUDED.seq`,
      [
        ...keyOf(address),
        address.shardId,
        epoch,
        snapshot.seq,
        snapshot.version,
        JSON.stringify(snapshot.state)
      ]
    )),
  wakes: (shardIds, until) =>
    Effect.zipWith(due(sql, shardIds, until), underWay(sql, shardIds), (timers, active) => [
      ...active.map((address) => ({ address, dueAt: 0 })),
      ...timers.map(({ dueAt, ...address }) => ({ address, dueAt }))
    ])
})

export const layer = Layer.effect(
  Journal,
  Effect.flatMap(PgClient.PgClient, (sql) => StoredJournal.make(statements(sql)))
)
