/** API keys and idempotency keys. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { KeyStore, type StoredKey } from "../../auth/KeyStore.ts"
import { IdempotencyConflict } from "../../schema/Errors.ts"
import { unavailable } from "./Unavailable.ts"

const columns = `key_id AS "keyId", hash, name, role, tenant_id AS "tenantId", created_at::float8 AS "createdAt",
  revoked_at::float8 AS "revokedAt"`

const keys = Effect.map(PgClient.PgClient, (sql) =>
  KeyStore.of({
    add: (key) =>
      sql.unsafe(
        `INSERT INTO clawster_keys (key_id, hash, name, role, tenant_id, created_at)
         VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::bigint)`,
        [key.keyId, key.hash, key.name, key.role, key.tenantId, key.createdAt]
      ).pipe(Effect.asVoid, unavailable),
    find: (keyId) =>
      sql.unsafe<StoredKey>(`SELECT ${columns} FROM clawster_keys WHERE key_id = $1::text`, [keyId]).pipe(
        Effect.map((rows) => rows[0]),
        unavailable
      ),
    list: sql.unsafe<StoredKey>(`SELECT ${columns} FROM clawster_keys ORDER BY created_at, key_id LIMIT 10000`).pipe(
      unavailable
    ),
    revoke: (keyId, at) =>
      sql.unsafe(
        `UPDATE clawster_keys SET revoked_at = COALESCE(revoked_at, $2::bigint) WHERE key_id = $1::text RETURNING key_id`,
        [keyId, at]
      ).pipe(Effect.map((rows) => rows.length > 0), unavailable)
  }))

const idempotency = Effect.map(PgClient.PgClient, (sql) =>
  IdempotencyStore.of({
    claim: (owner, key, fingerprint) =>
      sql.unsafe<{ fingerprint: string }>(
        `WITH added AS (
           INSERT INTO clawster_idempotency (owner, key, fingerprint) VALUES ($1::text, $2::text, $3::text)
           ON CONFLICT DO NOTHING RETURNING fingerprint
         )
         SELECT fingerprint FROM added
         UNION ALL SELECT fingerprint FROM clawster_idempotency WHERE owner = $1::text AND key = $2::text`,
        [owner, key, fingerprint]
      ).pipe(
        unavailable,
        Effect.flatMap((rows) =>
          rows.every((row) => row.fingerprint === fingerprint)
            ? Effect.void
            : Effect.fail(
              new IdempotencyConflict({
                key,
                message: "this idempotency key was used before with another request; use a new key for a new request"
              })
            )
        )
      )
  }))

export const layer = Layer.mergeAll(Layer.effect(KeyStore, keys), Layer.effect(IdempotencyStore, idempotency))
