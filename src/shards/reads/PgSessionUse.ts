/** Reads whether gateway sessions are still wanted: one statement for many sessions, by primary keys. */
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer } from "effect"
import { SessionUse, type Use } from "../../ports/SessionUse.ts"
import * as Retention from "../retention/Retention.ts"
import { unavailable } from "./StoreUnavailable.ts"

const hourMillis = 3_600_000

/**
 * How long a closed session stays wanted. Its actor is forgotten once history is over, and each gateway is swept every
 * ten minutes: the sweep must find before that that the session has ended.
 */
const wantedMillis = (historyMillis: number): number => historyMillis - Math.min(hourMillis, historyMillis / 2)

/** `history`: how long what has ended is kept. */
export const layer = (history: Duration.Duration) =>
  Layer.effect(
    SessionUse,
    Effect.map(PgClient.PgClient, (sql) => ({
      keptMillis: Duration.toMillis(history),
      of: (owners) =>
        sql
          .unsafe<{ readonly use: Use }>(
            `SELECT CASE
           WHEN s.doc IS NOT NULL AND (s.doc ->> 'phase' <> 'closed'
             OR (s.doc ->> 'lastActivityAt')::float8 > extract(epoch FROM now() - $3::bigint * interval '1 millisecond') * 1000) THEN 'wanted'
           WHEN t.phase IS NOT NULL AND t.phase NOT IN ('completed', 'failed', 'cancelled') THEN 'wanted'
           WHEN s.doc IS NULL AND t.phase IS NULL THEN 'unknown'
           ELSE 'ended'
         END AS use
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a(tenant_id, id, n)
         LEFT JOIN clawster_tasks t ON t.tenant_id = a.tenant_id AND t.task_id = a.id
         LEFT JOIN clawster_views s ON s.entity_type = 'Session' AND s.entity_id = a.tenant_id || '/' || a.id
         ORDER BY a.n`,
            [
              owners.map(({ tenantId }) => tenantId),
              owners.map(({ id }) => id),
              wantedMillis(Duration.toMillis(history))
            ]
          )
          .pipe(
            Effect.map((rows) => rows.map(({ use }) => use)),
            unavailable
          )
    }))
  )

export const layerConfig = Layer.unwrap(Effect.map(Retention.settings, ({ history }) => layer(history)))
