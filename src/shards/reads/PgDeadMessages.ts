/** The table of dead messages. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { DeadMessages } from "../../ports/DeadMessages.ts"
import type { DeadMessage } from "../../schema/DeadMessage.ts"
import { unavailable } from "./StoreUnavailable.ts"

const columns = `number::float8 AS number, target_type AS "entityType", target_id AS "entityId",
  message_id AS "messageId", tag, reason, error, at::float8 AS at, length(payload::text)::float8 AS "payloadLength"`

const make = Effect.map(PgClient.PgClient, (sql) =>
  DeadMessages.of({
    list: ({ before, limit }) =>
      unavailable(
        sql.unsafe<DeadMessage>(
          `SELECT ${columns} FROM clawster_dead_messages WHERE $1::bigint IS NULL OR number < $1::bigint
           ORDER BY number DESC LIMIT $2::int`,
          [before ?? null, limit]
        )
      ),
    get: (number) =>
      sql
        .unsafe<DeadMessage & { readonly payload: unknown }>(
          `SELECT ${columns}, payload FROM clawster_dead_messages WHERE number = $1::bigint`,
          [number]
        )
        .pipe(
          Effect.map(([row]) => {
            if (row === undefined) return undefined
            const { payload, ...message } = row
            return { message, payload }
          }),
          unavailable
        ),
    isDead: ({ entityId, entityType, messageId }) =>
      unavailable(
        Effect.map(
          sql.unsafe(
            `SELECT FROM clawster_dead_messages
             WHERE target_type = $1::text AND target_id = $2::text AND message_id = $3::text`,
            [entityType, entityId, messageId]
          ),
          ({ length }) => length > 0
        )
      ),
    remove: (number) =>
      unavailable(
        Effect.map(
          sql.unsafe(`DELETE FROM clawster_dead_messages WHERE number = $1::bigint RETURNING number`, [number]),
          ({ length }) => length > 0
        )
      ),
    countSince: (at) =>
      sql
        .unsafe<{ count: number }>(
          `SELECT count(*)::float8 AS count FROM (
             SELECT FROM clawster_dead_messages WHERE at >= $1::bigint LIMIT 1000) d`,
          [at]
        )
        .pipe(
          Effect.map((rows) => rows[0]!.count),
          unavailable
        )
  })
)

export const layer = Layer.effect(DeadMessages, make)
