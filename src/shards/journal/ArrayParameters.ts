/**
 * Passes rows to a statement as one binary array per column, so that the statement's text does not depend on the number
 * of rows. (With JSON, parsing the parameters took two fifths of the server's time.)
 */
import { PgTypes } from "@effect/sql-pg"
import { Result } from "effect"

/**
 * `json`: any JSON value; an absent value becomes SQL null. `jsonText`: JSON that is already text, or null. `id`: a
 * bigint passed as text, since it may exceed the integers that a JavaScript number can hold.
 */
export type Kind = "text" | "id" | "int" | "bigint" | "double precision" | "boolean" | "json" | "jsonText"

interface Carrier {
  readonly type: string
  readonly oid: number
  readonly cast: string
  readonly write: (value: unknown) => unknown
}

const orNull = (value: unknown): unknown => value ?? null
const text = { type: "text", oid: PgTypes.OID.text }
const number = { type: "double precision", oid: PgTypes.OID.float8 }

/**
 * JSON travels as text and whole numbers travel as doubles. The server casts both, so that no value needs a conversion
 * here.
 */
const carriers: Readonly<Record<Kind, Carrier>> = {
  text: { ...text, cast: "", write: orNull },
  id: { ...text, cast: "::bigint", write: orNull },
  json: {
    ...text,
    cast: "::json",
    write: (value) => (value === null || value === undefined ? null : JSON.stringify(value))
  },
  jsonText: { ...text, cast: "::json", write: orNull },
  int: { ...number, cast: "::int", write: orNull },
  bigint: { ...number, cast: "::bigint", write: orNull },
  "double precision": { ...number, cast: "", write: orNull },
  boolean: { type: "boolean", oid: PgTypes.OID.bool, cast: "", write: orNull }
}

export type Columns<Row> = ReadonlyArray<readonly [name: string, kind: Kind, value: (row: Row) => unknown]>

export class ArrayParameters {
  readonly values: Array<unknown> = []

  #push(kind: Kind, values: ReadonlyArray<unknown>): string {
    const { oid, type } = carriers[kind]
    this.values.push(Result.getOrThrow(PgTypes.array(values, oid)))
    return `$${this.values.length}::${type}[]`
  }

  /** Adds one array parameter, for `= ANY (…)`. */
  list(kind: "text" | "id", values: ReadonlyArray<string>): string {
    const { cast } = carriers[kind]
    return this.#push(kind, values) + (cast === "" ? "" : `${cast}[]`)
  }

  /**
   * Adds the rows as a table `x`: `from` is its `unnest`, `read` lists its columns cast to their types. `given`: a
   * column without a value in any row is left out; `written` says which are there.
   */
  table<Row>(columns: Columns<Row>, rows: ReadonlyArray<Row>, given = false) {
    const written: Array<Columns<Row>[number]> = []
    const arrays: Array<string> = []
    for (const column of columns) {
      const [, kind, value] = column
      const { write } = carriers[kind]
      const values = new Array<unknown>(rows.length)
      let isGiven = !given
      for (let n = 0; n < rows.length; n++) {
        const written = write(value(rows[n]!))
        values[n] = written
        if (written !== null) isGiven = true
      }
      if (!isGiven) continue
      written.push(column)
      arrays.push(this.#push(kind, values))
    }
    return {
      written,
      from: `unnest(${arrays.join(", ")}) AS x(${names(written)})`,
      read: written.map(([name, kind]) => `x.${name}${carriers[kind].cast}`)
    }
  }
}

export const names = (columns: Columns<never>): string => columns.map(([name]) => name).join(", ")
