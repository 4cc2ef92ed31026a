/** Stores resources by the hash of their content. Those that nobody uses are removed by retention (Retention.ts). */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import type { StoreUnavailable } from "../../actor/Journal.ts"
import { ResourceMissing, resourceMost, Resources, tooLong } from "../../actor/Resources.ts"
import type { InvalidInput } from "../../schema/Errors.ts"
import { unavailable } from "./StatementJournal.ts"

const keyOf = (text: string): string => createHash("sha256").update(text).digest("hex")

/**
 * Unused ones stay for an hour after `put_at` at least (ExpiredRows.ts). Many actors may begin to use one at a time.
 */
const keepStatement = `WITH kept AS (
    UPDATE clawster_resources SET put_at = now() WHERE key = $1::text AND put_at < now() - interval '30 minutes'
  ) SELECT FROM clawster_resources WHERE key = $1::text`

const missing = (key: string) => Effect.fail(new ResourceMissing({ key }))

const make = Effect.map(PgClient.PgClient, (sql) =>
  Resources.of({
    put: (resource) =>
      Effect.suspend((): Effect.Effect<string, StoreUnavailable | InvalidInput> => {
        const text = JSON.stringify(resource)
        if (text.length > resourceMost) return Effect.fail(tooLong(text.length))
        const key = keyOf(text)
        return sql
          .unsafe(
            `INSERT INTO clawster_resources (key, body) VALUES ($1::text, $2::text::json)
             ON CONFLICT (key) DO UPDATE SET put_at = now()`,
            [key, text]
          )
          .pipe(Effect.as(key), unavailable)
      }),
    get: (key) =>
      sql.unsafe<{ readonly body: unknown }>(`SELECT body FROM clawster_resources WHERE key = $1::text`, [key]).pipe(
        unavailable,
        Effect.flatMap(([row]) => (row === undefined ? missing(key) : Effect.succeed(row.body)))
      ),
    keep: (key) =>
      sql.unsafe(keepStatement, [key]).pipe(
        unavailable,
        Effect.flatMap(({ length }) => (length === 0 ? missing(key) : Effect.void))
      )
  })
)

export const layer = Layer.effect(Resources, make)
