/**
 * Stored documents, each read by itself: one that cannot be read (written by a newer version, or by a hand) is passed
 * over with a note, and never takes the page, the snapshot or the backlog that it is in with it. Each is noted once, by
 * its key.
 */
import { Effect, Schema } from "effect"

/** Keys remembered as noted; beyond, all are forgotten and may be noted again. */
const noted = 1_000

export interface Readable<A> {
  /** Undefined: it cannot be read. */
  readonly decode: (key: string, value: unknown) => Effect.Effect<A | undefined>
  /** Those that can be read. */
  readonly decodeAll: <Row>(
    rows: ReadonlyArray<Row>,
    keyOf: (row: Row) => string,
    valueOf: (row: Row) => unknown
  ) => Effect.Effect<ReadonlyArray<A>>
}

/**
 * `what` names the documents in the log. `stored`: what only Clawster itself reads; it was accepted under the bounds of
 * its time and is not judged by those of today. What is shown to clients is, since it could not be encoded for them
 * else.
 */
export const make = <A>(what: string, schema: Schema.Codec<A, any>, use: "stored" | "shown" = "shown"): Readable<A> => {
  const read = Schema.decodeUnknownResult(
    Schema.toCodecJson(schema) as unknown as Schema.Codec<A, unknown>,
    use === "stored" ? { disableChecks: true } : {}
  )
  const told = new Set<string>()

  const note = (key: string): Effect.Effect<void> => {
    if (told.has(key)) return Effect.void
    if (told.size >= noted) told.clear()
    told.add(key)
    return Effect.logWarning(`A stored ${what} cannot be read and is passed over`).pipe(
      Effect.annotateLogs({ event: "store.unreadable", what, key })
    )
  }

  const decode = (key: string, value: unknown): Effect.Effect<A | undefined> => {
    const found = read(value)
    return found._tag === "Success" ? Effect.succeed(found.success) : Effect.as(note(key), undefined)
  }

  return {
    decode,
    decodeAll: (rows, keyOf, valueOf) =>
      Effect.map(
        Effect.forEach(rows, (row) => decode(keyOf(row), valueOf(row))),
        (found) => found.filter((one) => one !== undefined)
      )
  }
}

/**
 * SQL: whether PostgreSQL can take a JSON document apart. It cannot when a text in it has an escaped U+0000 or half of
 * a surrogate pair: then the whole statement fails. Documents that merely look so are left to the reader's own JSON,
 * too.
 */
export const isPlain = (column: string): string =>
  `(strpos(${column}::text, '\\u0000') = 0 AND strpos(${column}::text, '\\ud') = 0 AND strpos(${column}::text, '\\uD') = 0)`

/** SQL: a number of a JSON document; 0 when it is none there. */
export const numberIn = (column: string, field: string): string =>
  `CASE WHEN ${isPlain(column)} THEN
     CASE WHEN json_typeof(${column} -> '${field}') = 'number' THEN (${column} ->> '${field}')::float8 ELSE 0 END
   ELSE 0 END`
