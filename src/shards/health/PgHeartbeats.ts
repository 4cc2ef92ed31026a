/**
 * Writes the heartbeats of all instances of this runner in one statement. A heartbeat counts only while its instance's
 * shard has the epoch under which it is kept, so a runner that has lost the shard without noticing cannot report the
 * instance as alive. The same statement says of which instances this runner is still the owner in every reader's eyes:
 * only those are held.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Latch, Layer, Schedule } from "effect"
import { Heartbeats, type HeartbeatsShape, type Holding } from "../../ports/runners/Heartbeats.ts"
import { confirmedWithinMillis, heartbeatMillis } from "../../schema/instance/Liveness.ts"
import { isGone } from "../leases/PgLeases.ts"

/** Gathers instances that are linked at the same moment into one statement. */
const gatherFor = "50 millis"

interface Kept {
  readonly epoch: number
  readonly retired: Latch.Latch
}

/** Readers call an instance unknown by the same conditions on its runner (LivenessColumns.ts). */
const statement = `WITH asked AS (
    SELECT * FROM json_to_recordset($1::text::json) AS x(id text, epoch bigint, linked boolean)
  ), owned AS (
    SELECT x.id, x.linked, s.owner FROM asked x
    JOIN clawster_wakes w ON w.entity_type = 'Instance' AND w.entity_id = x.id
    JOIN clawster_shards s ON s.shard_id = w.shard_id AND s.epoch = x.epoch
  ), told AS (
    INSERT INTO clawster_heartbeats (entity_id, at)
    SELECT id, clock_timestamp() FROM owned WHERE linked ORDER BY id
    ON CONFLICT (entity_id) DO UPDATE SET at = EXCLUDED.at
  ), retired AS (
    SELECT t.entity_id AS id FROM clawster_tombstones t WHERE t.entity_id IN (SELECT id FROM asked)
  )
  SELECT id, true AS retired FROM retired
  UNION ALL
  SELECT o.id, false FROM owned o JOIN clawster_runners r ON r.address = o.owner
  WHERE r.healthy AND NOT ${isGone} AND o.id NOT IN (SELECT id FROM retired)`

const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const kept = new Map<string, Kept>()
  const held = new Map<string, Holding>()
  const joined = Latch.makeUnsafe(false)

  const askedOf = (id: string) => {
    const { epoch } = kept.get(id) ?? held.get(id)!
    return { id, epoch, linked: kept.has(id) }
  }

  /** Nothing runs at an idle gateway, which nobody needs to see ended. */
  const renewIdle = Effect.suspend(() =>
    Effect.forEach(
      [...held.values()],
      ({ isIdle, renew }) => Effect.flatMap(isIdle, (idle) => (idle ? renew : Effect.void)),
      { discard: true }
    )
  )

  const tell = Effect.gen(function* () {
    const ids = new Set([...kept.keys(), ...held.keys()])
    if (ids.size === 0) return
    const sentAt = yield* Clock.currentTimeMillis
    const asked = [...ids].map(askedOf)
    const rows = yield* sql.unsafe<{ id: string; retired: boolean }>(statement, [JSON.stringify(asked)])
    const epochs = new Map(asked.map(({ epoch, id }) => [id, epoch]))
    for (const { id, retired } of rows) {
      if (retired) kept.get(id)?.retired.openUnsafe()
      const holding = held.get(id)
      if (retired || holding === undefined || holding.epoch !== epochs.get(id)) continue
      if ((yield* Clock.currentTimeMillis) - sentAt < confirmedWithinMillis) yield* holding.renew
    }
  }).pipe(
    Effect.timeout(confirmedWithinMillis),
    Effect.catchCause((cause) =>
      Effect.andThen(Effect.logDebug("Heartbeats could not be recorded; the next ones are in time", cause), renewIdle)
    )
  )

  yield* tell.pipe(
    Effect.andThen(Effect.timeoutOption(joined.await, heartbeatMillis)),
    Effect.andThen(Effect.sleep(gatherFor)),
    Effect.andThen(joined.close),
    Effect.forever,
    Effect.forkScoped
  )

  /** Asks until the store answers. */
  const read = <Row extends object>(text: string, entityId: string) =>
    sql
      .unsafe<Row>(text, [entityId])
      .pipe(Effect.timeout(confirmedWithinMillis), Effect.retry(Schedule.spaced("1 second")), Effect.orDie)

  return {
    hold: Effect.fnUntraced(function* (holding: Holding) {
      const { entityId } = holding
      yield* Effect.acquireRelease(
        Effect.sync(() => void held.set(entityId, holding)),
        () =>
          Effect.sync(() => {
            if (held.get(entityId) === holding) held.delete(entityId)
          })
      )
      yield* joined.open
    }),
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
    silentMillis: (entityId) =>
      Effect.map(
        read<{ millis: number }>(
          `SELECT (extract(epoch FROM clock_timestamp() - at) * 1000)::float8 AS millis
           FROM clawster_heartbeats WHERE entity_id = $1::text`,
          entityId
        ),
        ([row]) => row?.millis
      ),
    isRetired: (entityId) =>
      Effect.map(
        read(`SELECT 1 FROM clawster_tombstones WHERE entity_id = $1::text`, entityId),
        ({ length }) => length > 0
      )
  } satisfies HeartbeatsShape
})

export const layer = Layer.effect(Heartbeats, make)
