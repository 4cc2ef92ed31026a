/**
 * Checks whether a database is suitable for Clawster, once for each process that starts. Properties that cannot be
 * corrected later are refused before anything is written.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Schedule } from "effect"
import { DatabaseFault, faultOf } from "./DatabaseFault.ts"

export interface Traits {
  readonly version: number
  readonly versionText: string
  readonly encoding: string
  readonly isStandby: boolean
  readonly isReadOnly: boolean
  /** Sent at the start of the session, and reported here unless a pooler in between dropped it. */
  readonly lockTimeout: string
}

export const oldestMajor = 15

/** The lock timeout of every session, which also reveals a pooler in between. */
export const lockTimeout = "10s"

export const traits = (sql: PgClient.PgClient) =>
  Effect.map(
    sql.unsafe<Traits>(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS "versionText",
         current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS "isStandby",
         current_setting('transaction_read_only') = 'on' AS "isReadOnly", current_setting('lock_timeout') AS "lockTimeout"`
    ),
    (rows) => rows[0]!
  )

const starting = "57P03"
/** At 500 ms each: 30 s. */
const startTries = 60

const refusal = (code: string, message: string, advice: string) => new DatabaseFault({ code, message, advice })

/** The first reason why the database is unsuitable; undefined when it is suitable. */
export const unsuitable = (found: Traits): DatabaseFault | undefined => {
  if (found.version < oldestMajor * 10_000) {
    return refusal("TOO_OLD", `PostgreSQL ${found.versionText} is too old`, `Clawster needs ${oldestMajor} or newer`)
  }
  if (found.encoding !== "UTF8") {
    return refusal(
      "ENCODING",
      `the database has encoding ${found.encoding}, in which not every text can be stored`,
      "make another: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
    )
  }
  if (found.isStandby || found.isReadOnly) {
    return refusal(
      "25006",
      found.isStandby ? "this PostgreSQL is a standby" : "this PostgreSQL, database or role is read-only",
      "name the primary in DATABASE_URL"
    )
  }
  if (found.lockTimeout !== lockTimeout) {
    return refusal(
      "POOLER",
      "settings of the session do not reach the server: a connection pooler is in between",
      "connect directly to the server"
    )
  }
  return undefined
}

/** Fails when the database is unsuitable. Waits up to 30 s for a server that is starting. */
export const check = (sql: PgClient.PgClient, address: string): Effect.Effect<void, DatabaseFault> =>
  traits(sql).pipe(
    Effect.mapError((error) => faultOf(error, address)!),
    Effect.flatMap((found) => {
      const fault = unsuitable(found)
      return fault === undefined ? Effect.void : Effect.fail(fault)
    }),
    Effect.retry({ times: startTries, schedule: Schedule.spaced("500 millis"), while: ({ code }) => code === starting })
  )
