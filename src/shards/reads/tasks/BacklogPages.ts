/** Pages of a lane's backlog, of the rows that can be decoded. */
import { Effect } from "effect"
import type { BacklogPage } from "../../../ports/TaskRows.ts"

/**
 * Reads that follow one another for one page, while it is not full: further rows are read in place of those that cannot
 * be decoded. A page without any item is read further, since a reader continues after the last item of its page.
 */
const readsAPage = 20

/**
 * `read` reads at most `limit` rows after the given one. The end is known by the rows alone: a page may have few items,
 * or be full, with and without rows behind it.
 */
export const pageOf = Effect.fnUntraced(function* <Row, Item, E>(
  limit: number,
  read: (after: Row | undefined) => Effect.Effect<ReadonlyArray<Row>, E>,
  toItem: (row: Row) => Effect.Effect<Item | undefined, E>
) {
  const entries: Array<Item> = []
  let last: Row | undefined
  for (let reads = 0; reads < readsAPage || entries.length === 0; reads++) {
    const rows = yield* read(last)
    for (const [at, row] of rows.entries()) {
      const item = yield* toItem(row)
      if (item !== undefined) entries.push(item)
      const isLast = rows.length < limit && at === rows.length - 1
      if (entries.length === limit) return { entries, isEnd: isLast } satisfies BacklogPage<Item>
    }
    if (rows.length < limit) return { entries, isEnd: true } satisfies BacklogPage<Item>
    last = rows.at(-1)
  }
  return { entries, isEnd: false } satisfies BacklogPage<Item>
})
