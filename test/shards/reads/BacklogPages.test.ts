import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { pageOf } from "../../../src/shards/reads/tasks/BacklogPages.ts"

/** A page of the numbers below `count`; those that are not `readable` cannot be decoded. */
const page = (limit: number, count: number, readable: (row: number) => boolean) =>
  pageOf(
    limit,
    (after: number | undefined) => {
      const first = after === undefined ? 0 : after + 1
      return Effect.succeed(Array.from({ length: Math.min(limit, count - first) }, (_, n) => first + n))
    },
    (row) => Effect.succeed(readable(row) ? row : undefined)
  )

describe("A page of a backlog", () => {
  it.effect("is full although rows in it cannot be decoded, and says that others follow", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* page(3, 20, (row) => row < 2 || row > 9), { entries: [0, 1, 10], isEnd: false })
    })
  )

  it.effect("that is short is not the last while rows remain", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* page(2, 100, (row) => row === 0 || row > 90), { entries: [0], isEnd: false })
    })
  )

  it.effect("is never empty before the end, so that its reader gets on", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* page(2, 101, (row) => row === 98), { entries: [98], isEnd: false })
      assert.deepStrictEqual(yield* page(2, 101, () => false), { entries: [], isEnd: true })
    })
  )

  it.effect("that ends with the last row is the last", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* page(3, 2, () => true), { entries: [0, 1], isEnd: true })
      assert.deepStrictEqual(yield* page(3, 5, (row) => row > 1), { entries: [2, 3, 4], isEnd: true })
    })
  )
})
