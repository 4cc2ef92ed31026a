/** What every reader of declared tables must do, seen by an actor that is none of Clawster's own. */
import { assert, it } from "@effect/vitest"
import { Effect, type Layer, Schema } from "effect"
import { Entity, type Sharding } from "effect/cluster"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import { RowReads } from "../../src/ports/RowReads.ts"
import type { RowOptions } from "../../src/schema/tables/RowQuery.ts"
import { table } from "../../src/schema/tables/Table.ts"

export const bookTable = table({
  name: "test_books",
  key: ["shelf", "number"],
  columns: {
    shelf: "text",
    number: "bigint",
    title: "text",
    pages: "int",
    weight: "double precision",
    lent: "boolean",
    notes: "json",
    sold_at: "bigint"
  },
  retention: { since: "sold_at", keptAs: "tasks", only: { title: ["sold", "lost"] } }
})

/** As a migration would. */
export const createBookTable = `CREATE TABLE clawster_test_books (
  shelf text NOT NULL, number bigint NOT NULL, title text, pages int, weight double precision, lent boolean, notes json,
  sold_at bigint, PRIMARY KEY (shelf, number))`

const Book = {
  number: Schema.Int,
  title: Schema.optionalKey(Schema.String),
  pages: Schema.optionalKey(Schema.Int),
  weight: Schema.optionalKey(Schema.Finite),
  lent: Schema.optionalKey(Schema.Boolean),
  notes: Schema.optionalKey(Schema.Json),
  sold_at: Schema.optionalKey(Schema.Int)
}

const Books = Entity.fromRpcGroup("TestBooks", protocol(command("Put", { payload: Book })))
const Event = Schema.TaggedStruct("books.put", { shelf: Schema.String, ...Book })

/** To be run where the rows that the subject reads are written. */
export const shelves = ActorLayer.layer(
  Actor.define<{ readonly count: number }, typeof Event.Type>()({
    entity: Books,
    state: Schema.Struct({ count: Schema.Int }),
    event: Event,
    stateVersion: 1,
    initial: () => ({ count: 0 }),
    evolve: ({ count }) => ({ count: count + 1 }),
    tables: [bookTable],
    commands: {
      Put: (_, book, { entityId }) => Actor.accept([{ _tag: "books.put", shelf: entityId, ...book }], undefined)
    },
    rows: ({ _tag, ...row }) => [{ table: bookTable, op: "insert", row }]
  })
)

export interface RowReadsCase {
  readonly name: string
  readonly layer: Layer.Layer<RowReads | Sharding.Sharding, unknown>
}

const put = (shelf: string, book: Schema.Struct.Type<typeof Book>) =>
  Effect.flatMap(ActorClient.make(Books), (shelves) => shelves(shelf).Put(book))

const numbersOf = (page: { readonly items: ReadonlyArray<{ readonly number: number }> }) =>
  page.items.map(({ number }) => number)

/** Every page from the first to the last. */
const everyPage = Effect.fnUntraced(function* (options: RowOptions<typeof bookTable>) {
  const rows = yield* RowReads
  const found: Array<number> = []
  let after: string | undefined
  do {
    const page = yield* rows.list(bookTable, { ...options, after })
    assert.isAtMost(page.items.length, options.limit)
    found.push(...numbersOf(page))
    after = page.next
  } while (after !== undefined)
  return found
})

const faultsOf = (options: RowOptions<typeof bookTable>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip((yield* RowReads).list(bookTable, options))
    return error._tag === "InvalidInput" ? error.faults.map(({ path }) => path) : error
  })

export const conformance = (subject: RowReadsCase) => {
  it.layer(subject.layer, { timeout: 120_000, excludeTestServices: true })(`${subject.name} row reads`, (it) => {
    it.effect("show a row as soon as its command is answered, with null in every column that was not written", () =>
      Effect.gen(function* () {
        const rows = yield* RowReads
        assert.isUndefined(yield* rows.get(bookTable, { shelf: "whole", number: 1 }))
        const lacking = { shelf: "whole" } as { readonly shelf: string; readonly number: number }
        assert.isUndefined(yield* rows.get(bookTable, lacking))
        const notes = { by: ["ann"], page: 3 }
        const full = { number: 1, title: "It's", pages: 12, weight: 0.5, lent: true, notes, sold_at: 1_700_000_000_000 }
        yield* put("whole", full)
        yield* put("whole", { number: 2 })
        assert.deepStrictEqual(yield* rows.get(bookTable, { shelf: "whole", number: 1 }), { shelf: "whole", ...full })
        assert.deepStrictEqual(yield* rows.get(bookTable, { shelf: "whole", number: 2 }), {
          shelf: "whole",
          number: 2,
          title: null,
          pages: null,
          weight: null,
          lent: null,
          notes: null,
          sold_at: null
        })
      })
    )

    it.effect("go through all rows in the order of the key, from either end, page after page, each once", () =>
      Effect.gen(function* () {
        for (const number of [10, 9, 100, -1, 2]) yield* put("paged /%", { number })
        const where = { shelf: "paged /%" }
        assert.deepStrictEqual(yield* everyPage({ where, limit: 2 }), [-1, 2, 9, 10, 100])
        assert.deepStrictEqual(yield* everyPage({ where, limit: 2, order: "descending" }), [100, 10, 9, 2, -1])
        assert.deepStrictEqual(yield* everyPage({ where, limit: 5 }), [-1, 2, 9, 10, 100])
      })
    )

    it.effect("find rows by equality in every kind of column, and by the absence of a value", () =>
      Effect.gen(function* () {
        const rows = yield* RowReads
        yield* put("found", { number: 1, title: "a", pages: 1, weight: 0.5, lent: true, sold_at: 5 })
        yield* put("found", { number: 2, title: "b", pages: 2, weight: 1.5, lent: false })
        const find = (where: RowOptions<typeof bookTable>["where"]) =>
          Effect.map(rows.list(bookTable, { where: { shelf: "found", ...where }, limit: 9 }), numbersOf)
        assert.deepStrictEqual(yield* find({ title: "a" }), [1])
        assert.deepStrictEqual(yield* find({ pages: 2 }), [2])
        assert.deepStrictEqual(yield* find({ weight: 1.5 }), [2])
        assert.deepStrictEqual(yield* find({ lent: true }), [1])
        assert.deepStrictEqual(yield* find({ sold_at: 5 }), [1])
        assert.deepStrictEqual(yield* find({ sold_at: null }), [2])
        assert.deepStrictEqual(yield* find({ title: undefined }), [1, 2])
        assert.deepStrictEqual(yield* find({ title: "a", pages: 2 }), [])
      })
    )

    it.effect("refuse what a column cannot have, another table's cursor and a page without a size, by name", () =>
      Effect.gen(function* () {
        const odd = (where: object) => faultsOf({ where, limit: 1 })
        assert.deepStrictEqual(yield* odd({ title: "a\u0000" }), ["where.title"])
        assert.deepStrictEqual(yield* odd({ pages: 1.5, number: "1" }), ["where.pages", "where.number"])
        assert.deepStrictEqual(yield* odd({ notes: {}, "shelf = '' OR true --": "x" }), [
          "where.notes",
          "where.shelf = '' OR true --"
        ])
        for (const after of ["test_other/a/1", "test_books/a", "test_books/a/x", "test_books/%/1", ""]) {
          assert.deepStrictEqual(yield* faultsOf({ after, limit: 1 }), ["after"], after)
        }
        for (const limit of [0, 1_001, 1.5]) assert.deepStrictEqual(yield* faultsOf({ limit }), ["limit"])
      })
    )
  })
}
