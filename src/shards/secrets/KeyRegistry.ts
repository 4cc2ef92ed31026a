/**
 * The keys' ids as the database knows them. The first process with a key leaves a proof of it: a known text, encrypted
 * with it. A later process whose key of that id cannot read the proof has another key, and would write what no other
 * process can read.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import { SecretFault } from "../../actor/SecretBox.ts"
import { isSecretEnvelope } from "../../schema/Secret.ts"
import * as AesSecretBox from "./AesSecretBox.ts"
import type { SecretKey } from "./SecretKeys.ts"

/** The process has another key under an id that the database knows; nothing was changed. */
export class SecretKeyMismatch extends Schema.TaggedError<SecretKeyMismatch>()("SecretKeyMismatch", {
  keyId: Schema.String,
  message: Schema.String,
  advice: Schema.String
}) {}

/** Id of a key, and the secrets under it as the last whole sweep counted them; undefined before the first. */
export interface KnownKey {
  readonly keyId: string
  readonly uses: number | undefined
}

/** What the last whole sweep left. */
export interface SweepReport {
  /** The key that it encrypted with. */
  readonly keyId: string
  readonly inClear: number
  readonly underOthers: number
  readonly ageMillis: number
}

const text = "clawster"
const place = "proof"

/** All keys that the database knows, at most 1,000, and the last whole sweep. */
export const read = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const keys = yield* sql.unsafe<{ readonly keyId: string; readonly uses: number | null }>(
    `SELECT key_id AS "keyId", uses::float8 AS uses FROM clawster_secret_keys ORDER BY key_id LIMIT 1000`
  )
  const [sweep] = yield* sql.unsafe<SweepReport>(
    `SELECT key_id AS "keyId", in_clear::float8 AS "inClear", under_others::float8 AS "underOthers",
       (extract(epoch FROM clock_timestamp() - ended_at) * 1000)::float8 AS "ageMillis" FROM clawster_secret_sweeps`
  )
  return { keys: keys.map(({ keyId, uses }): KnownKey => ({ keyId, uses: uses ?? undefined })), sweep }
})

/** Ids under which secrets may be stored, of keys that are not among these. */
export const missing = (known: ReadonlyArray<KnownKey>, ids: ReadonlyArray<string>): ReadonlyArray<string> =>
  known.filter(({ keyId, uses }) => uses !== 0 && !ids.includes(keyId)).map(({ keyId }) => keyId)

/**
 * Makes the keys known. Fails with `SecretKeyMismatch` when the database knows another key under one of their ids. Logs
 * an error, and no more, when secrets may be stored under a key that is not among them: only their actors cannot be
 * loaded.
 */
export const register = Effect.fnUntraced(function* (keys: ReadonlyArray<SecretKey>) {
  const sql = yield* PgClient.PgClient
  for (const key of keys) {
    const box = AesSecretBox.make([key])
    const [row] = yield* sql.unsafe<{ readonly proof: unknown }>(
      `WITH fresh AS (
         INSERT INTO clawster_secret_keys (key_id, proof) VALUES ($1::text, $2::text::json) ON CONFLICT DO NOTHING RETURNING proof
       ) SELECT proof FROM fresh UNION ALL SELECT proof FROM clawster_secret_keys WHERE key_id = $1::text LIMIT 1`,
      [key.id, JSON.stringify(box.seal(text, place))]
    )
    if (row !== undefined && !proves(box, row.proof)) return yield* mismatch(key.id)
  }
  const lacking = missing(
    (yield* read).keys,
    keys.map(({ id }) => id)
  )
  if (lacking.length > 0) {
    yield* Effect.logError(
      `Secrets may be stored under keys that this process does not have, and their actors cannot be loaded here: ${lacking.join(", ")}; add them to CLAWSTER_SECRET_KEYS or CLAWSTER_SECRET_KEYS_FILE`
    ).pipe(Effect.annotateLogs({ event: "secret.keys_missing" }))
  }
})

const proves = (box: ReturnType<typeof AesSecretBox.make>, proof: unknown): boolean => {
  try {
    return isSecretEnvelope(proof) && box.open(proof, place) === text
  } catch (fault) {
    if (fault instanceof SecretFault) return false
    throw fault
  }
}

const mismatch = (keyId: string) =>
  new SecretKeyMismatch({
    keyId,
    message: `the key ${keyId} is not the one that this database's secrets are encrypted with under that id`,
    advice: "give every process the same keys (CLAWSTER_SECRET_KEYS, CLAWSTER_SECRET_KEYS_FILE), and a new key a new id"
  })
