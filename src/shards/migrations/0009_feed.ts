/**
 * What the feed needs to survive a move to another server, and to say what it no longer has: the timeline that its
 * positions are of now, the marks by which cursors of other clusters are told, and how far history has been removed.
 * Timelines.ts says how they are used.
 *
 * Locks the journal against writes for the moment in which the trigger is made. Reads one row of it.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export const feed = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    CREATE TABLE clawster_timelines (
      timeline int PRIMARY KEY,
      mark int NOT NULL,
      began_at timestamptz NOT NULL DEFAULT now(),
      last_tx xid8,
      last_position bigint
    )`)
  yield* sql.unsafe(`INSERT INTO clawster_timelines (timeline, mark) VALUES (0, 10000 + floor(random() * 90000)::int)`)
  yield* sql.unsafe(`
    CREATE TABLE clawster_feed (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      timeline int NOT NULL,
      server text,
      pruned_tx xid8 NOT NULL,
      pruned_position bigint NOT NULL
    ) WITH (fillfactor = 50)`)
  // Numbers begin at 1. Where the oldest row has another, rows before it have been removed.
  yield* sql.unsafe(`
    INSERT INTO clawster_feed (timeline, pruned_tx, pruned_position)
    SELECT 0, coalesce(oldest.tx, '0'), coalesce(oldest.position - 1, 0)
    FROM (SELECT) AS one LEFT JOIN (
      SELECT tx, position FROM clawster_journal ORDER BY tx, position LIMIT 1
    ) AS oldest ON oldest.position > 1`)
  yield* sql.unsafe(`
    CREATE FUNCTION clawster_feed_pruned() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      latest record;
    BEGIN
      SELECT tx, position INTO latest FROM gone ORDER BY tx DESC, position DESC LIMIT 1;
      IF FOUND THEN
        UPDATE clawster_feed SET pruned_tx = latest.tx, pruned_position = latest.position
        WHERE (pruned_tx, pruned_position) < (latest.tx, latest.position);
      END IF;
      RETURN NULL;
    END
    $$`)
  yield* sql.unsafe(`
    CREATE TRIGGER clawster_feed_pruned AFTER DELETE ON clawster_journal
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION clawster_feed_pruned()`)
})
