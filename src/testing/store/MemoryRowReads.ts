/**
 * The rows of declared tables (ports/RowReads.ts) as the journal in memory has them: for the actors of a simulated
 * cluster (`layer`), and for tests over the store itself (`layerMemory`).
 */
import { Effect, Layer, Result } from "effect"
import { MemoryStore } from "../../actor/memory/MemoryJournal.ts"
import type { Page } from "../../ports/Reads.ts"
import { RowReads } from "../../ports/RowReads.ts"
import { ActorUnavailable, type InvalidInput } from "../../schema/Errors.ts"
import { Cursor } from "../../schema/feed/Feed.ts"
import { cursorOf, ofKey, type RowOptions, rowQuery, type Scalar } from "../../schema/tables/RowQuery.ts"
import type { RowKeyOf, RowOf, Table } from "../../schema/tables/Table.ts"
import { StoreAccess } from "./StoreAccess.ts"

type Row = Readonly<Record<string, unknown>>

const byKey = ({ key }: Table) => {
  const placeOf = (row: Row) => key.map((column) => row[column] as Scalar)
  const compare = (left: ReadonlyArray<Scalar>, right: ReadonlyArray<Scalar>): number => {
    const index = left.findIndex((value, index) => value !== right[index])
    return index === -1 ? 0 : left[index]! < right[index]! ? -1 : 1
  }
  return { placeOf, compare }
}

/** A column that no commit has written is null, as in the store. */
const whole = <T extends Table>({ columns }: T, row: Row): RowOf<T> =>
  Object.fromEntries(Object.keys(columns).map((column) => [column, row[column] ?? null])) as RowOf<T>

const positionOf = (store: MemoryStore["Service"]): Cursor => {
  const entries = [...store.actors.values()].reduce((count, { entries }) => count + entries.length, 0)
  return Cursor.make(`${entries + 1}-0`)
}

const pageOf = <T extends Table>(
  store: MemoryStore["Service"],
  table: T,
  options: RowOptions<T>
): Result.Result<Page<RowOf<T>>, InvalidInput> =>
  Result.map(rowQuery(table, options), ({ after, isDescending, limit, where }) => {
    const { compare, placeOf } = byKey(table)
    const sign = isDescending ? -1 : 1
    const found = [...(store.tables.get(table.name)?.values() ?? [])]
      .filter((row) => where.every(([column, value]) => (row[column] ?? null) === value))
      .filter((row) => after === undefined || sign * compare(placeOf(row), after) > 0)
      .sort((left, right) => sign * compare(placeOf(left), placeOf(right)))
    const items = found.slice(0, limit).map((row) => whole(table, row))
    const next = found.length > limit ? { next: cursorOf(table, items.at(-1)!) } : {}
    return { items, position: positionOf(store), ...next }
  })

type Store = <A>(read: (store: MemoryStore["Service"]) => A) => Effect.Effect<A, ActorUnavailable>

const over = (store: Store): RowReads["Service"] => {
  const list = <T extends Table>(table: T, options: RowOptions<T>) =>
    Effect.flatMap(
      store((store) => pageOf(store, table, options)),
      Effect.fromResult
    )
  return RowReads.of({
    list,
    get: <T extends Table>(table: T, key: RowKeyOf<T>) =>
      Effect.map(list(table, ofKey(table, key)), ({ items }) => items[0])
  })
}

const unavailable = new ActorUnavailable({
  reason: "StoreUnavailable",
  message: "the store does not answer; try again",
  retryAfterMillis: 1_000
})

/** Each read is one statement over the simulated network. */
export const layer: Layer.Layer<RowReads, never, StoreAccess> = Layer.effect(
  RowReads,
  Effect.map(StoreAccess, (access) =>
    over((read) => Effect.mapError(access.read("read rows", read), () => unavailable))
  )
)

export const layerMemory: Layer.Layer<RowReads, never, MemoryStore> = Layer.effect(
  RowReads,
  Effect.map(MemoryStore, (store) => over((read) => Effect.sync(() => read(store))))
)
