/** Reads of the turn table. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Schema } from "effect"
import { type Page, TurnReads } from "../../ports/Reads.ts"
import type { Cursor } from "../../schema/feed/Feed.ts"
import { messageShown, toTurnToken, TurnStatus } from "../../schema/Session.ts"
import { settled } from "./feed/Position.ts"
import { unavailable } from "./StoreUnavailable.ts"

const decode = Schema.decodeUnknownSync(Schema.toCodecJson(TurnStatus) as unknown as Schema.Codec<TurnStatus, unknown>)

const columns = `turn_id AS "turnId", phase, left(message, ${messageShown}) AS message, text, stored, error, usage,
  accepted_at::float8 AS "acceptedAt", started_at::float8 AS "startedAt", ended_at::float8 AS "endedAt"`

const toStatus = (row: Record<string, unknown>): TurnStatus =>
  decode(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)))

const make = Effect.map(PgClient.PgClient, (sql) =>
  TurnReads.of({
    get: ({ sessionId, tenantId, turnId }) =>
      sql
        .unsafe<Record<string, unknown>>(
          `SELECT ${columns} FROM clawster_turns WHERE tenant_id = $1::text AND session_id = $2::text AND turn_id = $3::text`,
          [tenantId, sessionId, turnId]
        )
        .pipe(
          Effect.map(([row]) => (row === undefined ? undefined : toStatus(row))),
          unavailable
        ),
    list: ({ after, limit, sessionId, tenantId }) =>
      sql
        .unsafe<Record<string, unknown> & { readonly at: Cursor }>(
          `SELECT t.*, p.at FROM (SELECT ${settled} AS at) p
         LEFT JOIN LATERAL (
           SELECT ${columns} FROM clawster_turns
           WHERE tenant_id = $1::text AND session_id = $2::text
             AND ($3::bigint IS NULL OR (accepted_at, turn_id) < ($3::bigint, $4::text))
           ORDER BY accepted_at DESC, turn_id DESC LIMIT $5::int
         ) t ON true`,
          [tenantId, sessionId, after?.acceptedAt ?? null, after?.turnId ?? "", limit + 1]
        )
        .pipe(
          Effect.map((rows) => {
            const found = rows.filter((row) => row["turnId"] !== null)
            const items = found.slice(0, limit).map(({ at: _, ...row }) => toStatus(row))
            const last = items.at(-1)
            return {
              items,
              position: rows[0]!.at,
              ...(found.length > limit && last !== undefined ? { next: toTurnToken(last) } : {})
            } satisfies Page<TurnStatus>
          }),
          unavailable
        )
  })
)

export const layer = Layer.effect(TurnReads, make)
