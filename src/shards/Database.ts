/**
 * The single connection pool of a process. Its connections must not pass through a pooler that rewrites the sessions'
 * prepared statements.
 */
import { PgClient } from "@effect/sql-pg"
import { Config, Effect, Layer, Option, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { faultOf } from "./postgres/DatabaseFault.ts"
import { BadDatabaseUrl, type DatabaseTarget, parse } from "./postgres/DatabaseUrl.ts"
import { check, lockTimeout } from "./postgres/DatabaseSuitability.ts"

export interface DatabaseOptions {
  readonly url: Redacted.Redacted
  readonly maxConnections?: number
  readonly applicationName?: string
}

/** Few connections suffice because commits are grouped: two carry the flushes, the rest serve reads. */
export const defaultConnections = 10

/**
 * All statements read or write few rows by key. A plan is kept for as long as its statement stays prepared, and a plan
 * made while a table was small would keep scanning the whole table after it has grown. Plans that scan whole tables are
 * therefore used only where there is no alternative.
 */
const planning = { jit: "off", enable_seqscan: "off", enable_hashjoin: "off", enable_mergejoin: "off" }

/**
 * Largest message accepted from the server, in bytes; a message holds at least one row. The driver's default limit, 16
 * MiB, is less than one state or entry may have grown to in versions that did not bound them, and a row above the limit
 * breaks the connection every time it is read.
 */
const maxMessageSize = 256 * 1024 * 1024

const fileOf = (name: string, path: string) =>
  Effect.try({
    try: () => readFileSync(path, "utf8"),
    catch: (error) =>
      new BadDatabaseUrl({
        message: `DATABASE_URL: ${name}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
        advice: "name a file that this user can read"
      })
  })

/** TLS options, including the contents of the certificate files that the URL names. */
const tlsOf = Effect.fnUntraced(function* ({ tls, tlsFiles }: DatabaseTarget) {
  if (typeof tls !== "object") return tls
  const names = { ca: "sslrootcert", cert: "sslcert", key: "sslkey" } as const
  const files: { ca?: string; cert?: string; key?: string } = {}
  for (const [part, path] of Object.entries(tlsFiles)) {
    files[part as keyof typeof names] = yield* fileOf(names[part as keyof typeof names], path)
  }
  return { ...tls, ...files }
})

/** Parses the URL into its target and the driver's pool options. */
const optionsOf = Effect.fnUntraced(function* (options: DatabaseOptions) {
  const user = yield* Config.option(Config.String("USER"))
  const target = yield* Effect.fromResult(parse(Redacted.value(options.url), Option.getOrUndefined(user)))
  const ssl = yield* tlsOf(target)
  return {
    target,
    pool: {
      url: Redacted.make(target.url),
      maxConnections: options.maxConnections ?? defaultConnections,
      connectTimeout: `${target.connectTimeoutSeconds} seconds`,
      maxMessageSize,
      applicationName: target.applicationName ?? options.applicationName ?? "clawster",
      startupParameters: { lock_timeout: lockTimeout, statement_timeout: "30s", ...planning },
      ...(target.keepAliveSeconds === undefined ? {} : { keepAlive: `${target.keepAliveSeconds} seconds` }),
      ...(ssl === undefined ? {} : { ssl })
    } satisfies PgClient.PgPoolConfig
  }
})

/**
 * Connects, and checks once that the database is suitable for Clawster. Fails with the cause and the remedy:
 * `BadDatabaseUrl` when no connection was attempted, otherwise `DatabaseFault`.
 */
export const layer = (options: DatabaseOptions) =>
  Layer.unwrap(
    Effect.map(optionsOf(options), ({ pool, target }) =>
      Layer.effectDiscard(Effect.flatMap(PgClient.PgClient, (sql) => check(sql, target.address))).pipe(
        Layer.provideMerge(
          PgClient.layer(pool).pipe(
            Layer.catch((error) => Layer.effectContext(Effect.fail(faultOf(error, target.address) ?? error)))
          )
        )
      )
    )
  )

/** Reads `DATABASE_URL` and, optionally, `CLAWSTER_DATABASE_CONNECTIONS` (default 10). */
export const layerConfig = Layer.unwrap(
  Config.all({
    url: Config.Redacted("DATABASE_URL"),
    maxConnections: Config.Int("CLAWSTER_DATABASE_CONNECTIONS").pipe(Config.withDefault(defaultConnections))
  }).pipe(Config.map(layer))
)
