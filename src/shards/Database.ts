/**
 * The one connection pool of a process. The connection must not go through a pooler that rewrites sessions' prepared
 * statements.
 */
import { PgClient } from "@effect/sql-pg"
import { Config, Effect, Layer, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { faultOf } from "./postgres/DatabaseFault.ts"
import { BadDatabaseUrl, type DatabaseTarget, parse } from "./postgres/DatabaseUrl.ts"
import { check, lockTimeout } from "./postgres/Suitability.ts"

export interface DatabaseOptions {
  readonly url: Redacted.Redacted
  readonly maxConnections?: number
  readonly applicationName?: string
}

/** Few connections are enough, since commits are grouped: two carry the flushes, the rest reads. */
export const defaultConnections = 10

/**
 * Everything here reads or writes few rows by their keys. A plan is kept for as long as its statement is prepared, and
 * one made while a table was small would go on reading the whole table when it is large; so plans that read whole
 * tables are made only where there is no other.
 */
const planning = { jit: "off", enable_seqscan: "off", enable_hashjoin: "off", enable_mergejoin: "off" }

/**
 * The largest message that is read from the server, which is at least one row. The driver's own limit, 16 MiB, is less
 * than one state or entry may have become in versions that did not bound them; a row beyond it breaks the connection,
 * each time that it is read.
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

/** With the certificates that the URL names. */
const tlsOf = Effect.fnUntraced(function* ({ tls, tlsFiles }: DatabaseTarget) {
  if (typeof tls !== "object") return tls
  const names = { ca: "sslrootcert", cert: "sslcert", key: "sslkey" } as const
  const files: { ca?: string; cert?: string; key?: string } = {}
  for (const [part, path] of Object.entries(tlsFiles)) {
    files[part as keyof typeof names] = yield* fileOf(names[part as keyof typeof names], path)
  }
  return { ...tls, ...files }
})

/** What the URL asks for, understood; the driver's options for it. */
const optionsOf = Effect.fnUntraced(function* (options: DatabaseOptions) {
  const target = yield* Effect.fromResult(parse(Redacted.value(options.url), process.env["USER"]))
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
 * Connects, and looks once whether the database is one that Clawster can use. Fails with what is wrong and what to do:
 * `BadDatabaseUrl` when nothing was tried, else `DatabaseFault`.
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

/** `DATABASE_URL`, and optionally `CLAWSTER_DATABASE_CONNECTIONS`. */
export const layerConfig = Layer.unwrap(
  Config.all({
    url: Config.Redacted("DATABASE_URL"),
    maxConnections: Config.Int("CLAWSTER_DATABASE_CONNECTIONS").pipe(Config.withDefault(defaultConnections))
  }).pipe(Config.map(layer))
)
