/**
 * Messages and replies of persisted entities. Columns, types and keys are those of the cluster's own SQL storage
 * (effect 4.1.0), whose statements run on these tables, too; the index of unprocessed messages is Clawster's.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_cluster_messages (
      id bigint PRIMARY KEY,
      rowid bigserial,
      message_id varchar(255) UNIQUE,
      shard_id varchar(50) NOT NULL,
      entity_type varchar(150) NOT NULL,
      entity_id varchar(255) NOT NULL,
      kind int NOT NULL,
      tag varchar(50),
      payload text,
      headers text,
      trace_id varchar(32),
      span_id varchar(16),
      sampled boolean,
      processed boolean NOT NULL DEFAULT FALSE,
      request_id bigint NOT NULL,
      reply_id bigint,
      last_reply_id bigint,
      last_read timestamptz,
      deliver_at bigint
    )`)
  yield* sql.unsafe(`
    CREATE INDEX clawster_cluster_messages_unprocessed
      ON clawster_cluster_messages (shard_id, last_read, coalesce(deliver_at, 0)) WHERE processed = FALSE`)
  yield* sql.unsafe(`CREATE INDEX clawster_cluster_messages_request ON clawster_cluster_messages (request_id)`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_cluster_replies (
      id bigint PRIMARY KEY,
      rowid bigserial,
      kind int,
      request_id bigint NOT NULL,
      payload text NOT NULL,
      sequence int,
      acked boolean NOT NULL DEFAULT FALSE,
      UNIQUE (request_id, kind),
      UNIQUE (request_id, sequence)
    )`)
})
