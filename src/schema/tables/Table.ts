/**
 * The tables that actors write with their commits, each declared once. The store writes, reads (ports/RowReads.ts) and
 * ages (shards/retention) a table by its declaration. In the store it is named `clawster_<name>` and is created by a
 * migration.
 */
import type { Schema } from "effect"

/** Column type in the store. `json` is any JSON value. */
export type ColumnKind = "text" | "int" | "bigint" | "double precision" | "boolean" | "json"

/** When rows end, and for how long after that they are kept. */
export interface RowRetention {
  /** A column of kind `bigint` with Unix milliseconds. A row in which it is null is kept. */
  readonly since: string
  /** The time for which the cluster keeps such rows: as long as tasks (`CLAWSTER_RETENTION_TASKS`), or as history. */
  readonly keptAs: "tasks" | "history"
  /** Only rows that have one of these values in the column; all others are kept. */
  readonly only?: Readonly<Record<string, ReadonlyArray<string>>>
}

export interface Table {
  readonly name: string
  /** Columns of the primary key. */
  readonly key: ReadonlyArray<string>
  readonly columns: Readonly<Record<string, ColumnKind>>
  /** Absent: rows are kept for ever. */
  readonly retention?: RowRetention
}

type Named<Columns, Kind extends ColumnKind = ColumnKind> = {
  readonly [C in keyof Columns & string]: Columns[C] extends Kind ? C : never
}[keyof Columns & string]

export interface TableDeclaration<Columns, Key> {
  readonly name: string
  readonly key: Key
  readonly columns: Columns
  readonly retention?: RowRetention & {
    readonly since: Named<Columns, "bigint">
    readonly only?: { readonly [C in Named<Columns, "text">]?: ReadonlyArray<string> }
  }
}

/** Declares a table. A key or an end that is no column of it is a type error. */
export const table = <
  const Columns extends Readonly<Record<string, ColumnKind>>,
  const Key extends ReadonlyArray<Named<Columns>>
>(
  declaration: TableDeclaration<Columns, Key>
): TableDeclaration<Columns, Key> => declaration

interface Values {
  readonly text: string
  readonly int: number
  readonly bigint: number
  readonly "double precision": number
  readonly boolean: boolean
  readonly json: Schema.Json
}

type ValueOf<T extends Table, C extends keyof T["columns"]> = Values[T["columns"][C]]

/** The key columns of a row. */
export type RowKeyOf<T extends Table> = { readonly [C in T["key"][number]]: ValueOf<T, C> }

/** A row as it is read. A column that is not of the key is null when no commit has written it. */
export type RowOf<T extends Table> = RowKeyOf<T> & {
  readonly [C in Exclude<keyof T["columns"], T["key"][number]>]: ValueOf<T, C> | null
}

/** Values that a row must have in some of its columns: all but those of JSON may be asked for. */
export type RowFilter<T extends Table> = {
  readonly [C in keyof T["columns"] as T["columns"][C] extends "json" ? never : C]?: ValueOf<T, C> | null | undefined
}
