/**
 * Rows as parameters of a statement: one array a column, in binary, so that the text of a statement does not depend on
 * their number. (As JSON, reading the parameters was two fifths of the server's time.)
 */
import { PgTypes } from "@effect/sql-pg"
import { Result } from "effect"

/**
 * `json`: an absent value is SQL's null. `jsonText`: JSON that is text already, or null. `id`: a bigint told as text,
 * since it may pass what a number holds.
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
 * JSON goes as text and whole numbers as doubles, both cast by the server, so that no value needs a conversion here.
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
    const { oid, type, write } = carriers[kind]
    this.values.push(Result.getOrThrow(PgTypes.array(values.map(write), oid)))
    return `$${this.values.length}::${type}[]`
  }

  /** One array, for `= ANY (…)`. */
  list(kind: "text" | "id", values: ReadonlyArray<string>): string {
    const { cast } = carriers[kind]
    return this.#push(kind, values) + (cast === "" ? "" : `${cast}[]`)
  }

  /** The rows as a table `x`, and how to read its columns in their types. */
  table<Row>(columns: Columns<Row>, rows: ReadonlyArray<Row>) {
    const arrays = columns.map(([, kind, value]) => this.#push(kind, rows.map(value)))
    return {
      from: `unnest(${arrays.join(", ")}) AS x(${names(columns)})`,
      read: columns.map(([name, kind]) => `x.${name}${carriers[kind].cast}`)
    }
  }
}

export const names = (columns: Columns<never>): string => columns.map(([name]) => name).join(", ")
