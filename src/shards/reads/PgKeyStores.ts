/** API keys and idempotency keys. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Schema } from "effect"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { KeyStore } from "../../auth/KeyStore.ts"
import { IdempotencyConflict } from "../../schema/Errors.ts"
import { KeyId } from "../../schema/access/ApiKeyInfo.ts"
import { TenantId } from "../../schema/Ids.ts"
import { Role } from "../../schema/access/Principal.ts"
import * as DocumentDecoder from "./DocumentDecoder.ts"
import { unavailable } from "./StoreUnavailable.ts"

const StoredKey = Schema.Struct({
  keyId: KeyId,
  hash: Schema.String,
  name: Schema.String,
  role: Role,
  tenantId: Schema.NullOr(TenantId),
  createdAt: Schema.Finite,
  revokedAt: Schema.NullOr(Schema.Finite)
})

/** A stored key that cannot be decoded grants no access. */
const storedKeys = DocumentDecoder.make("API key", StoredKey)
type KeyRow = Readonly<Record<keyof typeof StoredKey.fields, unknown>>
const keyOf = ({ keyId }: KeyRow): string => String(keyId)

const columns = `key_id AS "keyId", hash, name, role, tenant_id AS "tenantId", created_at::float8 AS "createdAt",
  revoked_at::float8 AS "revokedAt"`

const keys = Effect.map(PgClient.PgClient, (sql) =>
  KeyStore.of({
    add: (key) =>
      sql
        .unsafe(
          `INSERT INTO clawster_keys (key_id, hash, name, role, tenant_id, created_at)
         VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::bigint)`,
          [key.keyId, key.hash, key.name, key.role, key.tenantId, key.createdAt]
        )
        .pipe(Effect.asVoid, unavailable),
    find: (keyId) =>
      sql.unsafe<KeyRow>(`SELECT ${columns} FROM clawster_keys WHERE key_id = $1::text`, [keyId]).pipe(
        Effect.flatMap(([row]) => (row === undefined ? Effect.undefined : storedKeys.decode(keyOf(row), row))),
        unavailable
      ),
    list: sql.unsafe<KeyRow>(`SELECT ${columns} FROM clawster_keys ORDER BY created_at, key_id LIMIT 10000`).pipe(
      Effect.flatMap((rows) => storedKeys.decodeAll(rows, keyOf, (row) => row)),
      unavailable
    ),
    revoke: (keyId, at) =>
      sql
        .unsafe(
          `UPDATE clawster_keys SET revoked_at = COALESCE(revoked_at, $2::bigint) WHERE key_id = $1::text RETURNING key_id`,
          [keyId, at]
        )
        .pipe(
          Effect.map((rows) => rows.length > 0),
          unavailable
        )
  })
)

const idempotency = Effect.map(PgClient.PgClient, (sql) =>
  IdempotencyStore.of({
    claim: (owner, key, fingerprint) =>
      sql
        .unsafe<{ fingerprint: string }>(
          `WITH added AS (
           INSERT INTO clawster_idempotency (owner, key, fingerprint) VALUES ($1::text, $2::text, $3::text)
           ON CONFLICT DO NOTHING RETURNING fingerprint
         )
         SELECT fingerprint FROM added
         UNION ALL SELECT fingerprint FROM clawster_idempotency WHERE owner = $1::text AND key = $2::text`,
          [owner, key, fingerprint]
        )
        .pipe(
          unavailable,
          Effect.flatMap((rows) =>
            rows.every((row) => row.fingerprint === fingerprint)
              ? Effect.void
              : Effect.fail(
                  new IdempotencyConflict({
                    key,
                    message:
                      "this idempotency key was used before with another request; use a new key for a new request"
                  })
                )
          )
        )
  })
)

export const layer = Layer.mergeAll(Layer.effect(KeyStore, keys), Layer.effect(IdempotencyStore, idempotency))
