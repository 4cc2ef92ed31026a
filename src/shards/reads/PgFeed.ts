/** The event feed, read from the journal. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Option, Random, Schedule, Stream } from "effect"
import { Feed } from "../../entities/Reads.ts"
import type { Cursor, FeedEvent } from "../../schema/Feed.ts"
import type { TenantId } from "../../schema/Ids.ts"
import { type FeedRow, rowColumns, toEvents } from "./FeedRows.ts"
import { fromCursor, settled, toCursor } from "./Position.ts"
import { unavailable } from "./Unavailable.ts"

const rowsARead = 1_000
/** How long a follower that has read everything waits: the lag it adds, and the load it is. */
const pauseMillis = { least: 15, most: 35 } as const

const make = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient

  const rowsAfter = (after: Cursor, limit: number) => {
    const { position, tx } = fromCursor(after)
    return sql.unsafe<FeedRow>(
      `SELECT ${rowColumns}, events
       FROM clawster_journal j
       WHERE (tx, position) > ($1::text::xid8, $2::bigint) AND tx < pg_snapshot_xmin(pg_current_snapshot())
       ORDER BY j.tx, j.position LIMIT $3::int`,
      [tx, position, limit]
    )
  }

  /** Whole rows only, so that a cursor never points into the middle of an entry. */
  const read = Effect.fnUntraced(function*(
    after: Cursor,
    options: { readonly tenantId?: TenantId | undefined; readonly limit: number }
  ) {
    const events: Array<FeedEvent> = []
    let cursor = after
    while (events.length < options.limit) {
      const rows = yield* rowsAfter(cursor, rowsARead)
      for (const row of rows) {
        events.push(...toEvents(row, options.tenantId))
        cursor = toCursor(row)
        if (events.length >= options.limit) break
      }
      if (rows.length < rowsARead) break
    }
    return { events, cursor }
  })

  const pause = Effect.flatMap(
    Random.nextBetween(pauseMillis.least, pauseMillis.most),
    (millis) => Effect.sleep(millis)
  )

  const patient = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.tapError((error) => Effect.logWarning("The feed cannot be read yet", error)),
      Effect.retry(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")])),
      Effect.orDie
    )

  return Feed.of({
    position: sql.unsafe<{ at: Cursor }>(`SELECT ${settled} AS at`).pipe(
      Effect.map((rows) => rows[0]!.at),
      unavailable
    ),
    read: (after, options) => unavailable(read(after, options)),
    follow: (after, tenantId) =>
      Stream.paginate(after, (cursor: Cursor) =>
        patient(read(cursor, { tenantId, limit: rowsARead })).pipe(
          Effect.tap(({ events }) => events.length === 0 ? pause : Effect.void),
          Effect.map(({ cursor: next, events }) => [events, Option.some(next)] as const)
        ))
  })
})

export const layer = Layer.effect(Feed, make)
