/**
 * Removes old journal entries that are covered by a snapshot of their actor, in commit order, which is nearly time
 * order.
 *
 * Old entries that no snapshot covers stay, and their actor is given a snapshot (Compaction.ts), so that a later pass
 * can remove them. To avoid rereading the entries that stay, a sweep continues where the last one ended; it starts over
 * once an hour, or once per retention period when that is shorter.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect } from "effect"
import type { ActorAddress } from "../../actor/Journal.ts"
import * as Compaction from "./Compaction.ts"

const entriesALook = 1_000
/** Limits of one sweep. The next sweep continues with the rest. */
const looksASweep = 1_000
const compactedASweep = 10_000
const passMillis = Duration.toMillis(Duration.hours(1))

const statement = `
  WITH looked AS MATERIALIZED (
    SELECT j.ctid AS row, j.tx, j.position, j.at, j.entity_type, j.entity_id, j.shard_id, EXISTS (
      SELECT FROM clawster_snapshots s
      WHERE s.entity_type = j.entity_type AND s.entity_id = j.entity_id AND s.seq >= j.seq) AS passed
    FROM clawster_journal j WHERE (j.tx, j.position) > ($2::text::xid8, $3::text::bigint)
    ORDER BY j.tx, j.position LIMIT ${entriesALook}
  ), gone AS (
    DELETE FROM clawster_journal
    WHERE ctid = ANY (ARRAY(SELECT row FROM looked WHERE passed AND at < $1::bigint)) RETURNING 1
  )
  SELECT (SELECT count(*) FROM gone)::float8 AS removed, (SELECT count(*) FROM looked WHERE at < $1::bigint)::float8 AS old,
    last.tx::text AS tx, last.position::text AS position,
    (SELECT json_agg(DISTINCT jsonb_build_object('entityType', entity_type, 'entityId', entity_id, 'shardId', shard_id))
     FROM looked WHERE NOT passed AND at < $1::bigint) AS unfolded
  FROM (SELECT) AS one LEFT JOIN (
    SELECT tx, position FROM looked WHERE at < $1::bigint ORDER BY tx DESC, position DESC LIMIT 1
  ) AS last ON true`

interface Looked {
  readonly removed: number
  readonly old: number
  /** Null when no entry was old. */
  readonly tx: string | null
  readonly position: string | null
  /** Actors with old entries that no snapshot covers; null when there are none. */
  readonly unfolded: ReadonlyArray<ActorAddress> | null
}

const first = { tx: "0", position: "0" }

/** Creates a pruner that keeps its position between sweeps. Two pruners at once do no harm. */
export const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const compact = yield* Compaction.make
  let place = first
  let beganAt = Number.NEGATIVE_INFINITY
  let isThrough = true

  const look = (before: number) =>
    Effect.map(sql.unsafe<Looked>(statement, [before, place.tx, place.position]), ([looked]) => {
      const { old, position, removed, tx, unfolded } = looked!
      if (tx !== null && position !== null) place = { tx, position }
      isThrough = old < entriesALook
      return { removed, unfolded: unfolded ?? [] }
    })

  /** Runs one sweep over entries older than `before` (Unix milliseconds). Returns the number of entries removed. */
  const sweep = Effect.fnUntraced(function* (before: number) {
    const now = yield* Clock.currentTimeMillis
    if (isThrough && now - beganAt >= Math.min(passMillis, now - before)) {
      place = first
      beganAt = now
    }
    let removed = 0
    let compacted = 0
    for (let n = 0; n < looksASweep && compacted < compactedASweep; n++) {
      const [took, looked] = yield* Effect.timed(Effect.tap(look(before), ({ unfolded }) => compact(unfolded)))
      removed += looked.removed
      compacted += looked.unfolded.length
      if (isThrough) break
      yield* Effect.sleep(took)
    }
    return removed
  })

  return { sweep }
})

export type JournalPruning = Effect.Success<typeof make>
