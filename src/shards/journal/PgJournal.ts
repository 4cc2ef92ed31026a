/** The statements of StatementJournal.ts for PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import {
  type ActorAddress,
  type Entry,
  Journal,
  type OutboxMessage,
  type Piece,
  type RecordedAnswer,
  type Snapshot,
  type WakeRow
} from "../../actor/Journal.ts"
import { build } from "./CommitStatement.ts"
import * as CommitConnections from "../postgres/CommitConnections.ts"
import { type Claim, claimKey } from "./GroupCommit.ts"
import * as StatementJournal from "./StatementJournal.ts"
import * as SqlFailure from "./SqlFailure.ts"
import * as Timelines from "./Timelines.ts"

const wakesARead = 10_000

const keyOf = ({ entityId, entityType }: ActorAddress) => [entityType, entityId]

const ofActor = "entity_type = $1::text AND entity_id = $2::text"

/**
 * Limits of one read, in rows and in bytes as stored, where long values are compressed. Compression shortens a text at
 * most 90-fold, so a read is at most about 20 MB even then; a single row may be larger (schema/text/Bounds.ts gives the
 * limit).
 */
const rowsARead = 1_024
const bytesARead = 262_144

/**
 * The first rows of a selection that has a column `size`, up to the limits; `all` is the number of rows in the
 * selection.
 */
const piece = (selection: string) => `
  SELECT * FROM (
    SELECT *, sum(size) OVER place - size AS before, row_number() OVER place AS n, count(*) OVER () AS "all"
    FROM (${selection}) AS rows WINDOW place AS (ORDER BY seq, ordinal)
  ) AS sized WHERE before < ${bytesARead} AND n <= ${rowsARead}`

const entriesBehind = (seq: string) =>
  piece(`
  SELECT seq, 0 AS ordinal, request_id, command, payload_hash, events, answer, at,
    pg_column_size(events) + coalesce(pg_column_size(answer), 0) AS size
  FROM clawster_journal WHERE ${ofActor} AND seq > ${seq} ORDER BY seq LIMIT ${rowsARead + 1}`)

const messagesBehind = (place: string) =>
  piece(`
  SELECT seq, ordinal, target_type, target_id, tag, payload, pg_column_size(payload) AS size
  FROM clawster_outbox WHERE ${ofActor} AND (seq, ordinal) > ${place} ORDER BY seq, ordinal LIMIT ${rowsARead + 1}`)

/**
 * Loads an actor in one statement. A state larger than `bytesARead` is left out and read by a statement of its own
 * (`stateOf`).
 */
const loading = `
  WITH snapshot AS MATERIALIZED (
    SELECT seq, version, state, pg_column_size(state) > ${bytesARead} AS large
    FROM clawster_snapshots WHERE ${ofActor} AND version = $3::int
  ), entries AS MATERIALIZED (${entriesBehind("coalesce((SELECT seq FROM snapshot), 0)")}
  ), outbox AS MATERIALIZED (${messagesBehind("(0, -1)")}
  )
  SELECT
    (SELECT json_build_object('seq', seq, 'version', version, 'large', large, 'state', CASE WHEN NOT large THEN state END)
     FROM snapshot) AS snapshot,
    (SELECT seq::float8 FROM clawster_snapshots WHERE ${ofActor} AND version <> $3::int) AS "passedOver",
    (SELECT json_agg(json_build_object('seq', seq, 'requestId', request_id, 'command', command, 'payloadHash', payload_hash,
       'events', events, 'answer', answer, 'at', at) ORDER BY seq)
     FROM entries) AS entries,
    (SELECT count(*) < max("all") FROM entries) AS "moreEntries",
    (SELECT json_agg(json_build_object('seq', seq, 'ordinal', ordinal, 'targetType', target_type, 'targetId', target_id,
       'tag', tag, 'payload', payload) ORDER BY seq, ordinal)
     FROM outbox) AS outbox,
    (SELECT count(*) < max("all") FROM outbox) AS "moreOutbox",
    (SELECT json_build_object('dueAt', due_at, 'resident', resident) FROM clawster_wakes WHERE ${ofActor}) AS wake`

const entriesAfter = `SELECT seq::float8 AS seq, request_id AS "requestId", command, payload_hash AS "payloadHash", events, answer,
    at::float8 AS at, "all"::float8 AS "all"
  FROM (${entriesBehind("$3::bigint")}) AS piece ORDER BY piece.seq`

const outboxAfter = `SELECT seq::float8 AS seq, ordinal, target_type AS "targetType", target_id AS "targetId", tag, payload, "all"::float8 AS "all"
  FROM (${messagesBehind("($3::bigint, $4::int)")}) AS piece ORDER BY piece.seq, ordinal`

const stateOf = `SELECT seq::float8 AS seq, version, state FROM clawster_snapshots WHERE ${ofActor} AND version = $3::int`

interface StoredMessage extends Omit<OutboxMessage, "id"> {}

interface LoadedRow {
  readonly snapshot: (Snapshot & { readonly large: boolean }) | null
  readonly passedOver: number | null
  readonly entries: ReadonlyArray<Entry> | null
  readonly moreEntries: boolean | null
  readonly outbox: ReadonlyArray<StoredMessage> | null
  readonly moreOutbox: boolean | null
  readonly wake: WakeRow | null
}

const messageOf =
  ({ entityId, entityType }: ActorAddress) =>
  (message: StoredMessage): OutboxMessage => ({
    ...message,
    id: `${entityType}/${entityId}/${message.seq}/${message.ordinal}`
  })

const pieceOf = <A>(rows: ReadonlyArray<A & { readonly all: number }>): Piece<A> => ({
  items: rows.map(({ all: _, ...row }) => row as unknown as A),
  more: rows.length < (rows[0]?.all ?? 0)
})

/** The separately read state may be of a later snapshot than the entries; entries that it covers are dropped. */
const loadFirst = Effect.fnUntraced(function* (sql: PgClient.PgClient, address: ActorAddress, version: number) {
  const key = [...keyOf(address), version]
  const row = (yield* sql.unsafe<LoadedRow>(loading, key))[0]!
  const snapshot =
    row.snapshot?.large === true ? (yield* sql.unsafe<Snapshot>(stateOf, key))[0] : (row.snapshot ?? undefined)
  return {
    snapshot: snapshot && { seq: snapshot.seq, version: snapshot.version, state: snapshot.state },
    passedOver: row.passedOver ?? 0,
    entries: (row.entries ?? []).filter(({ seq }) => seq > (snapshot?.seq ?? 0)),
    moreEntries: row.moreEntries ?? false,
    outbox: (row.outbox ?? []).map(messageOf(address)),
    moreOutbox: row.moreOutbox ?? false,
    wake: row.wake ?? undefined
  }
})

const ofShards = "shard_id IN (SELECT json_array_elements_text($1::text::json))"
const address = `entity_type AS "entityType", entity_id AS "entityId", shard_id AS "shardId"`

/** The wake-ups that are due first. The others follow in a later read, once these have run. */
const due = (sql: PgClient.PgClient, shardIds: ReadonlyArray<string>, until: number) =>
  sql.unsafe<ActorAddress & { readonly dueAt: number }>(
    `SELECT ${address}, due_at::float8 AS "dueAt" FROM clawster_wakes
     WHERE ${ofShards} AND NOT resident AND due_at <= $2::bigint ORDER BY due_at LIMIT ${wakesARead}`,
    [JSON.stringify(shardIds), until]
  )

/**
 * All resident actors and all actors with outbox messages, page by page. An actor that is missing here is never woken.
 */
const underWay = Effect.fnUntraced(function* (sql: PgClient.PgClient, shardIds: ReadonlyArray<string>) {
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

/** `writing`: the connections of commits (CommitConnections.ts). */
const statements = (sql: PgClient.PgClient, writing: PgClient.PgClient): StatementJournal.JournalStatements => ({
  write: (commits) =>
    Effect.try({ try: () => build(commits), catch: SqlFailure.ofUnsent }).pipe(
      Effect.flatMap(({ params, text }) => Effect.mapError(writing.unsafe<Claim>(text, params), SqlFailure.ofSqlError)),
      Effect.map((rows) => new Set(rows.map(claimKey)))
    ),
  removeOutbox: (messages) =>
    Effect.asVoid(
      sql.unsafe(
        `DELETE FROM clawster_outbox o
       USING json_to_recordset($1::text::json) AS x(t text, i text, n bigint, o int)
       WHERE o.entity_type = x.t AND o.entity_id = x.i AND o.seq = x.n AND o.ordinal = x.o`,
        [
          JSON.stringify(
            messages.map(({ entityId, entityType, ordinal, seq }) => ({
              t: entityType,
              i: entityId,
              n: seq,
              o: ordinal
            }))
          )
        ]
      )
    ),
  load: (address, version) => loadFirst(sql, address, version),
  entriesAfter: (address, seq) =>
    Effect.map(sql.unsafe<Entry & { readonly all: number }>(entriesAfter, [...keyOf(address), seq]), pieceOf),
  outboxAfter: (address, { ordinal, seq }) =>
    Effect.map(
      sql.unsafe<StoredMessage & { readonly all: number }>(outboxAfter, [...keyOf(address), seq, ordinal]),
      (rows) => {
        const { items, more } = pieceOf(rows)
        return { items: items.map(messageOf(address)), more }
      }
    ),
  findAnswers: (address, requestIds) =>
    sql.unsafe<RecordedAnswer>(
      `SELECT request_id AS "requestId", payload_hash AS "payloadHash", answer FROM clawster_journal
       WHERE entity_type = $1::text AND entity_id = $2::text AND answer IS NOT NULL
         AND request_id IN (SELECT json_array_elements_text($3::text::json))`,
      [...keyOf(address), JSON.stringify(requestIds)]
    ),
  saveSnapshot: (address, epoch, snapshot) =>
    Effect.asVoid(
      sql.unsafe(
        `WITH fence AS (
         SELECT 1 FROM clawster_shards WHERE shard_id = $3::text AND epoch = $4::bigint FOR SHARE
       )
       INSERT INTO clawster_snapshots (entity_type, entity_id, seq, version, state, ended)
       SELECT $1::text, $2::text, $5::bigint, $6::int, $7::text::json, $8::boolean FROM fence
       ON CONFLICT (entity_type, entity_id) DO UPDATE
         SET seq = EXCLUDED.seq, version = EXCLUDED.version, state = EXCLUDED.state, ended = EXCLUDED.ended
         WHERE clawster_snapshots.seq <= EXCLUDED.seq`,
        [
          ...keyOf(address),
          address.shardId,
          epoch,
          snapshot.seq,
          snapshot.version,
          JSON.stringify(snapshot.state),
          snapshot.ended ?? null
        ]
      )
    ),
  wakes: (shardIds, until) =>
    Effect.zipWith(due(sql, shardIds, until), underWay(sql, shardIds), (timers, active) => [
      ...active.map((address) => ({ address, dueAt: 0 })),
      ...timers.map(({ dueAt, ...address }) => ({ address, dueAt }))
    ])
})

export const layer = Layer.effect(
  Journal,
  Effect.gen(function* () {
    yield* Effect.orDie(Timelines.ensure)
    return yield* StatementJournal.make(statements(yield* PgClient.PgClient, yield* CommitConnections.make))
  })
)
