/** Reads the rows of declared tables. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import type { Page } from "../../ports/Reads.ts"
import { RowReads } from "../../ports/RowReads.ts"
import type { Cursor } from "../../schema/feed/Feed.ts"
import { cursorOf, ofKey, type RowOptions, type RowQuery, rowQuery, type Scalar } from "../../schema/tables/RowQuery.ts"
import type { RowKeyOf, RowOf, Table } from "../../schema/tables/Table.ts"
import { settled } from "./feed/Position.ts"
import { unavailable } from "./StoreUnavailable.ts"

/** No column is called so: names of columns are written without quotes. */
const at = "@position"

type Row = Readonly<Record<string, unknown>>

/** A 64-bit integer would arrive as a text. */
const columnsOf = ({ columns }: Table): string =>
  Object.entries(columns)
    .map(([name, kind]) => (kind === "bigint" ? `${name}::float8 AS ${name}` : name))
    .join(", ")

interface Statement {
  readonly text: string
  readonly parameters: ReadonlyArray<Scalar>
}

/** One more row than the page holds tells whether there is a next page. */
const statementOf = (table: Table, { after, isDescending, limit, where }: RowQuery): Statement => {
  const parameters: Array<Scalar> = []
  const parameter = (column: string, value: Scalar) => `$${parameters.push(value)}::${table.columns[column]!}`
  const conditions = where.map(([column, value]) =>
    value === null ? `${column} IS NULL` : `${column} = ${parameter(column, value)}`
  )
  if (after !== undefined) {
    const place = table.key.map((column, index) => parameter(column, after[index]!))
    conditions.push(`(${table.key.join(", ")}) ${isDescending ? "<" : ">"} (${place.join(", ")})`)
  }
  const order = table.key.map((column) => `${table.name}.${column}${isDescending ? " DESC" : ""}`).join(", ")
  return {
    text: `SELECT r.*, p.at AS "${at}" FROM (SELECT ${settled} AS at) p LEFT JOIN LATERAL (
  SELECT ${columnsOf(table)} FROM clawster_${table.name} AS ${table.name}
  ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
  ORDER BY ${order} LIMIT $${parameters.push(limit + 1)}::int
) r ON true`,
    parameters
  }
}

const make = Effect.map(PgClient.PgClient, (sql) => {
  const list = Effect.fnUntraced(function* <T extends Table>(table: T, options: RowOptions<T>) {
    const query = yield* Effect.fromResult(rowQuery(table, options))
    const { parameters, text } = statementOf(table, query)
    const rows = yield* unavailable(sql.unsafe<Row>(text, parameters))
    const found = rows.filter((row) => row[table.key[0]!] !== null)
    const items = found.slice(0, query.limit).map(({ [at]: _, ...row }) => row as RowOf<T>)
    const next = found.length > query.limit ? { next: cursorOf(table, items.at(-1)!) } : {}
    return { items, position: rows[0]![at] as Cursor, ...next } satisfies Page<RowOf<T>>
  })
  return RowReads.of({
    list,
    get: <T extends Table>(table: T, key: RowKeyOf<T>) =>
      Effect.map(list(table, ofKey(table, key)), ({ items }) => items[0])
  })
})

/** Requires the database alone. */
export const layer: Layer.Layer<RowReads, never, PgClient.PgClient> = Layer.effect(RowReads, make)
