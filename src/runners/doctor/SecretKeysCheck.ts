/** The doctor's check of the keys that secrets are encrypted with: which are in use, and which are missing here. */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import * as KeyRegistry from "../../shards/secrets/KeyRegistry.ts"
import * as ConfiguredSecretKeys from "../ConfiguredSecretKeys.ts"
import { fail, type Finding, ok, warn } from "./Finding.ts"

export interface SecretsFound {
  /** Ids of the keys that are given here, in their order. */
  readonly given: ReadonlyArray<string>
  readonly known: ReadonlyArray<KeyRegistry.KnownKey>
  readonly sweep: KeyRegistry.SweepReport | undefined
  /** Instances that have a token. */
  readonly remoteInstances: number
}

const check = "secrets"
const settings = "CLAWSTER_SECRET_KEYS or CLAWSTER_SECRET_KEYS_FILE"

const usesOf = ({ keyId, uses }: KeyRegistry.KnownKey): string =>
  uses === undefined ? `${keyId}: not counted yet` : `${keyId}: ${uses}${uses === 0 ? " (may be dropped)" : ""}`

/** Pure: converts what is known of keys and secrets to findings. */
export const findings = ({ given, known, remoteInstances, sweep }: SecretsFound): ReadonlyArray<Finding> => {
  const [current] = given
  const missing = KeyRegistry.missing(known, given)
  if (missing.length > 0) {
    return [
      fail(
        check,
        `secrets may be stored under keys that are not given here: ${missing.join(", ")}`,
        `add them to ${settings}: their actors cannot be loaded without`
      )
    ]
  }
  if (current === undefined) {
    return remoteInstances === 0
      ? [ok(check, "no key is given, and no instance has a token")]
      : [
          warn(
            check,
            `${remoteInstances} remote instances have tokens, which may be stored in clear`,
            `set ${settings} on every runner`
          )
        ]
  }
  const counts = known.map(usesOf).join(", ")
  if (sweep?.keyId !== current) {
    return [ok(check, `${current} encrypts; nothing has been swept under it yet; as last counted: ${counts || "none"}`)]
  }
  const found = `${current} encrypts; ${Math.round(sweep.ageMillis / 60_000)} min ago ${counts}`
  return [
    sweep.inClear + sweep.underOthers === 0
      ? ok(check, found)
      : warn(
          check,
          `${found}; left in clear ${sweep.inClear}, under other keys ${sweep.underOthers}`,
          "the runners' logs say which cannot be read (secret.fault); the sweep tries again each hour"
        )
  ]
}

/** Reads what is known. The database must have the tables of this version. */
export const secrets = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const given = yield* ConfiguredSecretKeys.keys
  const { keys: known, sweep } = yield* KeyRegistry.read
  const [row] = yield* sql.unsafe<{ readonly count: number }>(
    `SELECT count(*)::float8 AS count FROM clawster_views WHERE entity_type = 'Instance' AND doc ->> 'driver' = 'remote'`
  )
  return findings({ given: given.map(({ id }) => id), known, sweep, remoteInstances: row!.count })
})
