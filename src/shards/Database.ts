/** The one connection pool of a process. The connection must not go through a pooler that rewrites sessions' prepared statements. */
import { PgClient } from "@effect/sql-pg"
import { Config, Layer, type Redacted } from "effect"

export interface DatabaseOptions {
  readonly url: Redacted.Redacted
  readonly maxConnections?: number
  readonly applicationName?: string
}

/** Few connections are enough, since commits are grouped: two carry the flushes, the rest reads. */
const defaultConnections = 10

/**
 * Everything here reads or writes few rows by their keys. A plan is kept for as long as its statement is prepared, and one made while a table was small
 * would go on reading the whole table when it is large; so plans that read whole tables are made only where there is no other.
 */
const planning = { jit: "off", enable_seqscan: "off", enable_hashjoin: "off", enable_mergejoin: "off" }

export const layer = (options: DatabaseOptions) =>
  PgClient.layer({
    url: options.url,
    maxConnections: options.maxConnections ?? defaultConnections,
    connectTimeout: "5 seconds",
    applicationName: options.applicationName ?? "clawster",
    startupParameters: { lock_timeout: "10s", statement_timeout: "30s", ...planning }
  })

/** `DATABASE_URL`, and optionally `CLAWSTER_DATABASE_CONNECTIONS`. */
export const layerConfig = Layer.unwrap(
  Config.all({
    url: Config.Redacted("DATABASE_URL"),
    maxConnections: Config.Int("CLAWSTER_DATABASE_CONNECTIONS").pipe(Config.withDefault(defaultConnections))
  }).pipe(Config.map(layer))
)
