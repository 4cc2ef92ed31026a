/**
 * Writes the heartbeats of all instances of this runner in one statement. A heartbeat counts only while its instance's
 * shard has the epoch under which it is kept, so a runner that has lost the shard without noticing cannot report the
 * instance as alive.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Latch, Layer, Schedule } from "effect"
import { Heartbeats, type HeartbeatsShape } from "../../ports/runners/Heartbeats.ts"
import { heartbeatMillis } from "../../schema/instance/Liveness.ts"

/** Gathers instances that are linked at the same moment into one statement. */
const gatherFor = "50 millis"
const answerTimeout = "2 seconds"

interface Kept {
  readonly epoch: number
  readonly retired: Latch.Latch
}

const statement = `WITH told AS (
    INSERT INTO clawster_heartbeats (entity_id, at)
    SELECT x.id, clock_timestamp() FROM json_to_recordset($1::text::json) AS x(id text, epoch bigint)
    JOIN clawster_wakes w ON w.entity_type = 'Instance' AND w.entity_id = x.id
    JOIN clawster_shards s ON s.shard_id = w.shard_id AND s.epoch = x.epoch
    ORDER BY x.id
    ON CONFLICT (entity_id) DO UPDATE SET at = EXCLUDED.at
  )
  SELECT t.entity_id AS id FROM clawster_tombstones t
  WHERE t.entity_id IN (SELECT x.id FROM json_to_recordset($1::text::json) AS x(id text))`

const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const kept = new Map<string, Kept>()
  const joined = Latch.makeUnsafe(false)

  const tell = Effect.gen(function* () {
    if (kept.size === 0) return
    const rows = [...kept].map(([id, { epoch }]) => ({ id, epoch }))
    const retired = yield* sql.unsafe<{ id: string }>(statement, [JSON.stringify(rows)])
    for (const { id } of retired) kept.get(id)?.retired.openUnsafe()
  }).pipe(
    Effect.timeout(answerTimeout),
    Effect.catchCause((cause) => Effect.logDebug("Heartbeats could not be recorded; the next ones are in time", cause))
  )

  yield* tell.pipe(
    Effect.andThen(Effect.timeoutOption(joined.await, heartbeatMillis)),
    Effect.andThen(Effect.sleep(gatherFor)),
    Effect.andThen(joined.close),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    keep: Effect.fnUntraced(function* (entityId: string, epoch: number) {
      const mine: Kept = { epoch, retired: Latch.makeUnsafe(false) }
      yield* Effect.acquireRelease(
        Effect.sync(() => void kept.set(entityId, mine)),
        () =>
          Effect.sync(() => {
            if (kept.get(entityId) === mine) kept.delete(entityId)
          })
      )
      yield* joined.open
      return mine.retired.await
    }),
    isRetired: (entityId: string) =>
      sql.unsafe(`SELECT 1 FROM clawster_tombstones WHERE entity_id = $1::text`, [entityId]).pipe(
        Effect.timeout(answerTimeout),
        Effect.retry(Schedule.spaced("1 second")),
        Effect.map((rows) => rows.length > 0),
        Effect.orDie
      )
  } satisfies HeartbeatsShape
})

export const layer = Layer.effect(Heartbeats, make)
