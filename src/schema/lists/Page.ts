/** The common shape of list responses. */
import { Schema } from "effect"
import { bounds, text, within } from "../text/Bounds.ts"
import { Cursor } from "../feed/Feed.ts"

/**
 * `next` is the `after` of the following page; absent on the last page. `position` is the feed position from which to
 * follow events so that no change between the list and the feed is missed.
 */
export const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ items: Schema.Array(item), next: Schema.optionalKey(Schema.String), position: Cursor })

export const pageSize = { fallback: 100, most: 1_000 } as const

/** Query parameters that every list accepts. */
export const pageQuery = {
  after: Schema.optionalKey(text(bounds.pageToken).annotate({ description: "`next` of the page before." })),
  limit: Schema.optionalKey(
    within(1, pageSize.most).annotate({
      description: `Items on the page; ${pageSize.fallback} when absent.`
    })
  )
}
