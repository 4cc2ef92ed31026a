/**
 * What a reader asks of a table (ports/RowReads.ts), checked against the declaration: each driver executes the same
 * query. A cursor names its table and the key of the last row of a page.
 */
import { Result } from "effect"
import { type FieldFault, InvalidInput } from "../Errors.ts"
import { pageSize } from "../lists/Page.ts"
import { isStorable } from "../text/Bounds.ts"
import type { ColumnKind, RowFilter, RowKeyOf, Table } from "./Table.ts"

export interface RowOptions<T extends Table = Table> {
  /** Rows that have all these values; null asks for rows without one. Absent for all rows. */
  readonly where?: RowFilter<T> | undefined
  /** `next` of the page before. */
  readonly after?: string | undefined
  /** 1 to 1,000. */
  readonly limit: number
  /** By the key, column by column. Ascending when absent. */
  readonly order?: "ascending" | "descending" | undefined
}

/** The options that read the row of a key. A column that the key lacks finds no row. */
export const ofKey = <T extends Table>({ key: columns }: T, key: RowKeyOf<T>): RowOptions<T> => {
  const given = key as Readonly<Record<string, unknown>>
  return {
    where: Object.fromEntries(columns.map((column) => [column, given[column] ?? null])) as RowFilter<T>,
    limit: 1
  }
}

export type Scalar = string | number | boolean

export interface RowQuery {
  readonly where: ReadonlyArray<readonly [column: string, value: Scalar | null]>
  /** Values of the key columns, in the order of the key. */
  readonly after: ReadonlyArray<Scalar> | undefined
  readonly limit: number
  readonly isDescending: boolean
}

const int = { least: -2_147_483_648, most: 2_147_483_647 }

const fits: Readonly<Record<ColumnKind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === "string" && isStorable(value),
  int: (value) => Number.isInteger(value) && (value as number) >= int.least && (value as number) <= int.most,
  bigint: Number.isSafeInteger,
  "double precision": Number.isFinite,
  boolean: (value) => typeof value === "boolean",
  json: () => false
}

const expectedOf: Readonly<Record<ColumnKind, string>> = {
  text: "a text that the store can hold",
  int: "a 32-bit integer",
  bigint: "a safe integer",
  "double precision": "a number",
  boolean: "true or false",
  json: "no value: rows are not found by JSON"
}

/** The cursor behind a row. */
export const cursorOf = ({ key, name }: Table, row: Readonly<Record<string, unknown>>): string =>
  [name, ...key.map((column) => encodeURIComponent(String(row[column])))].join("/")

const scalarOf = (kind: ColumnKind, text: string): Scalar | undefined => {
  const value = kind === "text" ? text : kind === "boolean" ? { true: true, false: false }[text] : Number(text)
  return fits[kind](value) ? value : undefined
}

const decoded = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

const placeOf = ({ columns, key, name }: Table, cursor: string): ReadonlyArray<Scalar> | undefined => {
  const [of, ...parts] = cursor.split("/").map(decoded)
  if (of !== name || parts.length !== key.length) return undefined
  const values = key.map((column, index) => {
    const part = parts[index]
    return part === undefined ? undefined : scalarOf(columns[column]!, part)
  })
  return values.every((value) => value !== undefined) ? values : undefined
}

const filterFaults = ({ columns }: Table, where: RowQuery["where"]): ReadonlyArray<FieldFault> =>
  where.flatMap(([column, value]) => {
    const kind = columns[column]
    if (kind === undefined) return [{ path: `where.${column}`, expected: "a column of the table" }]
    const isFitting = value === null ? kind !== "json" : fits[kind](value)
    return isFitting ? [] : [{ path: `where.${column}`, expected: expectedOf[kind] }]
  })

export const rowQuery = <T extends Table>(table: T, options: RowOptions<T>): Result.Result<RowQuery, InvalidInput> => {
  const { after, limit, order = "ascending", where = {} } = options
  const wanted = Object.entries(where as Readonly<Record<string, Scalar | null | undefined>>).filter(
    (entry): entry is [string, Scalar | null] => entry[1] !== undefined
  )
  const place = after === undefined ? undefined : placeOf(table, after)
  const isLimit = Number.isInteger(limit) && limit >= 1 && limit <= pageSize.most
  const faults = [
    ...filterFaults(table, wanted),
    ...(isLimit ? [] : [{ path: "limit", expected: `an integer from 1 to ${pageSize.most}` }]),
    ...(after !== undefined && place === undefined
      ? [{ path: "after", expected: "`next` of the page before, as it was given" }]
      : [])
  ]
  return faults.length === 0
    ? Result.succeed({ where: wanted, after: place, limit, isDescending: order === "descending" })
    : Result.fail(
        new InvalidInput({
          message: `rows of ${table.name} cannot be read by this: see ${faults.map(({ path }) => path).join(", ")}`,
          faults
        })
      )
}
