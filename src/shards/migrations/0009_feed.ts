/**
 * What the feed needs to survive a move to another database server, and to report removed history: the timeline that
 * its positions are currently of, the marks by which cursors of other clusters are recognized, and the position up to
 * which history has been removed. Timelines.ts describes their use.
 *
 * Blocks writes to the journal while the trigger is created. Reads one row of the journal.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export default Effect.gen(function* () {
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
  // Positions begin at 1. When the oldest row has another position, rows before it have been removed.
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
