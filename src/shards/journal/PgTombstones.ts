import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { Departed } from "../../actor/outbox/Departed.ts"
import { Tombstones, type TombstonesShape } from "../../ports/Tombstones.ts"
import { unavailable } from "../reads/StoreUnavailable.ts"

const make = Effect.map(
  PgClient.PgClient,
  (sql) =>
    ({
      put: (entityId) =>
        sql
          .unsafe(`INSERT INTO clawster_tombstones (entity_id, at) VALUES ($1::text, now()) ON CONFLICT DO NOTHING`, [
            entityId
          ])
          .pipe(Effect.asVoid, unavailable),
      has: (entityId) =>
        sql.unsafe(`SELECT 1 FROM clawster_tombstones WHERE entity_id = $1::text`, [entityId]).pipe(
          Effect.map((rows) => rows.length > 0),
          unavailable
        ),
      remove: (entityId) =>
        sql
          .unsafe(`DELETE FROM clawster_tombstones WHERE entity_id = $1::text`, [entityId])
          .pipe(Effect.asVoid, unavailable)
    }) satisfies TombstonesShape
)

export const layer = Layer.effect(Tombstones, make)

/** Used by the OutboxRelay. While the store does not answer, no actor counts as departed. */
export const departed = Layer.effect(
  Departed,
  Effect.map(
    make,
    ({ has }) =>
      (entityType, entityId) =>
        entityType === "Instance" ? Effect.orElseSucceed(has(entityId), () => false) : Effect.succeed(false)
  )
)
