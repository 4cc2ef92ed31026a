/**
 * Decodes stored documents one by one. A document that cannot be decoded (written by a newer version, or by hand) is
 * skipped and logged, and never fails the page, the snapshot or the backlog that contains it. Each is logged once, by
 * its key.
 */
import { Effect, Schema } from "effect"

/** Maximum keys remembered as logged. Beyond it, all keys are forgotten and may be logged again. */
const noted = 1_000

export interface Readable<A> {
  /** Undefined when the document cannot be decoded. */
  readonly decode: (key: string, value: unknown) => Effect.Effect<A | undefined>
  /** The documents that can be decoded. */
  readonly decodeAll: <Row>(
    rows: ReadonlyArray<Row>,
    keyOf: (row: Row) => string,
    valueOf: (row: Row) => unknown
  ) => Effect.Effect<ReadonlyArray<A>>
}

/**
 * `what` names the documents in the log. `stored`: documents that only Clawster itself reads; they were accepted under
 * the bounds of their time and are not checked against those of today. `shown`: documents that clients see; they are
 * checked, since they could not be encoded for clients otherwise.
 */
export const make = <A>(
  what: string,
  schema: Schema.Codec<A, unknown>,
  use: "stored" | "shown" = "shown"
): Readable<A> => {
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
 * SQL: whether PostgreSQL can extract fields from a JSON document. It cannot when a text in it has an escaped U+0000 or
 * half of a surrogate pair: then the whole statement fails. Documents that merely appear to have one are left to the
 * reader's own JSON parser, too.
 */
export const isPlain = (column: string): string =>
  `(strpos(${column}::text, '\\u0000') = 0 AND strpos(${column}::text, '\\ud') = 0 AND strpos(${column}::text, '\\uD') = 0)`

/** SQL: a number field of a JSON document, named by a SQL expression; 0 when the field is not a number. */
export const numberIn = (column: string, field: string): string =>
  `CASE WHEN ${isPlain(column)} THEN
     CASE WHEN json_typeof(${column} -> ${field}) = 'number' THEN (${column} ->> ${field})::float8 ELSE 0 END
   ELSE 0 END`
