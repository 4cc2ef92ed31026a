/** The statements of StoredJournal.ts on PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
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
import { WriteFailed } from "./Gatherer.ts"
import { type Claim, claimKey } from "./GroupCommit.ts"
import * as StoredJournal from "./StoredJournal.ts"

const wakesARead = 10_000

const keyOf = ({ entityId, entityType }: ActorAddress) => [entityType, entityId]

const reasonOf = ({ reason }: SqlError.SqlError): WriteFailed["reason"] => {
  if (reason._tag === "UniqueViolation") return "Conflict"
  return reason._tag === "DeadlockError" || reason._tag === "SerializationError" ? "Victim" : "Unknown"
}

const statements = (sql: PgClient.PgClient): StoredJournal.JournalStatements => ({
  write: (commits) => {
    const { params, text } = build(commits)
    return sql.unsafe<Claim>(text, params).pipe(
      Effect.map((rows) => new Set(rows.map(claimKey))),
      Effect.mapError((error) => new WriteFailed({ reason: reasonOf(error), message: String(error) }))
    )
  },
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
  snapshot: (address, version) =>
    sql.unsafe<Snapshot>(
      `SELECT seq::float8 AS seq, version, state FROM clawster_snapshots
       WHERE entity_type = $1::text AND entity_id = $2::text AND version = $3::int`,
      [...keyOf(address), version]
    ).pipe(Effect.map((rows) => rows[0])),
  entriesAfter: (address, seq) =>
    sql.unsafe<Entry>(
      `SELECT seq::float8 AS seq, request_id AS "requestId", command, payload_hash AS "payloadHash", events, answer,
         at::float8 AS at
       FROM clawster_journal WHERE entity_type = $1::text AND entity_id = $2::text AND seq > $3::bigint ORDER BY seq`,
      [...keyOf(address), seq]
    ),
  outbox: (address) =>
    sql.unsafe<Omit<OutboxMessage, "id">>(
      `SELECT seq::float8 AS seq, ordinal, target_type AS "targetType", target_id AS "targetId", tag, payload
       FROM clawster_outbox WHERE entity_type = $1::text AND entity_id = $2::text ORDER BY seq, ordinal`,
      keyOf(address)
    ).pipe(
      Effect.map((rows) =>
        rows.map((row) => ({ ...row, id: `${address.entityType}/${address.entityId}/${row.seq}/${row.ordinal}` }))
      )
    ),
  wake: (address) =>
    sql.unsafe<WakeRow>(
      `SELECT due_at::float8 AS "dueAt", resident FROM clawster_wakes
       WHERE entity_type = $1::text AND entity_id = $2::text`,
      keyOf(address)
    ).pipe(Effect.map((rows) => rows[0])),
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
    sql.unsafe<ActorAddress & { readonly dueAt: number }>(
      `SELECT entity_type AS "entityType", entity_id AS "entityId", shard_id AS "shardId", min(due)::float8 AS "dueAt"
       FROM (
         SELECT entity_type, entity_id, shard_id, CASE WHEN resident THEN 0 ELSE due_at END AS due FROM clawster_wakes
         WHERE shard_id IN (SELECT json_array_elements_text($1::text::json)) AND (resident OR due_at <= $2::bigint)
         UNION ALL
         SELECT DISTINCT entity_type, entity_id, shard_id, 0::bigint FROM clawster_outbox
         WHERE shard_id IN (SELECT json_array_elements_text($1::text::json))
       ) AS asked GROUP BY 1, 2, 3 ORDER BY 4 LIMIT ${wakesARead}`,
      [JSON.stringify(shardIds), until]
    ).pipe(
      Effect.map((rows) =>
        rows.map(({ dueAt, entityId, entityType, shardId }) => ({ address: { entityType, entityId, shardId }, dueAt }))
      )
    )
})

export const layer = Layer.effect(
  Journal,
  Effect.flatMap(PgClient.PgClient, (sql) => StoredJournal.make(statements(sql)))
)
