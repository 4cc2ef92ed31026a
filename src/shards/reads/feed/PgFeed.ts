/** The event feed, read from the journal. */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Layer, Option, Random, Schedule, Stream } from "effect"
import { Feed, type FeedPage } from "../../../ports/Reads.ts"
import { InvalidInput } from "../../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../../schema/feed/Feed.ts"
import { gapNotice, positionNotice } from "../../../schema/feed/FeedNotice.ts"
import { compareCursors } from "../../../schema/feed/FeedPosition.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import * as Timelines from "../../journal/Timelines.ts"
import * as FeedAge from "./FeedAge.ts"
import { toEvents } from "./FeedRows.ts"
import * as FeedTimelines from "./FeedTimelines.ts"
import * as JournalPages from "./JournalPages.ts"
import { feedNow, fromCursor, settled } from "./Position.ts"
import * as TenantPages from "./TenantPages.ts"
import { unavailable } from "../StoreUnavailable.ts"

const rowsARead = 1_000
/**
 * How long a follower that has read everything waits before it reads again, drawn between the two: a trade-off between
 * the lag and the load that it adds.
 */
const pauseMillis = { least: 15, most: 35 } as const

const stateNow = `
  SELECT n.timeline, n.open::text AS open FROM (${feedNow}) AS n`

const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* Effect.orDie(Timelines.ensure)
  let timelines = yield* Effect.orDie(FeedTimelines.load(sql))
  let isIndexed = false

  /** The loaded timelines, reloaded unless the given one is the current one among them. */
  const timelinesUpTo = Effect.fnUntraced(function* (timeline: number) {
    if (!timelines.isPresent(timeline)) timelines = yield* FeedTimelines.load(sql)
    return timelines
  })

  const lookForIndex = Effect.suspend(() =>
    isIndexed ? Effect.void : Effect.map(TenantPages.isIndexed(sql), (found) => (isIndexed = found))
  )

  /** Reads one page of whole rows, so that a cursor never points into the middle of an entry. */
  const read = Effect.fnUntraced(function* (
    after: Cursor,
    { limit, tenantId }: { readonly tenantId?: TenantId | undefined; readonly limit: number }
  ) {
    if (tenantId !== undefined) yield* lookForIndex
    const place = fromCursor(after)
    const rows = Math.min(limit, rowsARead)
    const page = yield* tenantId === undefined
      ? JournalPages.read(sql, TenantPages.everyone, place, rows)
      : JournalPages.read(sql, isIndexed ? TenantPages.tenant : TenantPages.tenantUnindexed, place, rows, [tenantId])
    const marks = yield* timelinesUpTo(page.state.timeline)
    const gap = marks.gapAfter(after, page.state)
    const events: Array<FeedEvent> = []
    let cursor = gap?.reason === "restored" ? gap.to : after
    let isPresent = page.isAll
    for (const [index, row] of page.rows.entries()) {
      cursor = marks.cursorOf(row)
      events.push(...toEvents(row, cursor, tenantId))
      if (events.length < limit || index === page.rows.length - 1) continue
      isPresent = false
      break
    }
    const last = marks.cursorOf(page.state.last)
    if (isPresent && compareCursors(last, cursor) > 0) cursor = last
    return { events, cursor, isPresent, ...(gap === undefined ? {} : { gap }) } satisfies FeedPage
  })

  const check = Effect.fnUntraced(function* (cursor: Cursor, path: string) {
    const [now] = yield* sql.unsafe<{ timeline: number; open: string }>(stateNow)
    const marks = yield* timelinesUpTo(now!.timeline)
    const fault = marks.faultOf(cursor, now!)
    if (fault === undefined) return
    const expected = `a position that this cluster gave (${fault}); leave it out to begin now, or take \`position\` of a list`
    return yield* new InvalidInput({ message: `${path} is no position of this feed`, faults: [{ path, expected }] })
  })

  const pause = Effect.flatMap(Random.nextBetween(pauseMillis.least, pauseMillis.most), (millis) =>
    Effect.sleep(millis)
  )

  /**
   * Retries until the effect succeeds, with exponential backoff up to 2 s. The database may have come back on another
   * server, so each failure also checks the timeline.
   */
  const patient = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.tapError((error) =>
        Effect.andThen(Effect.logWarning("The feed cannot be read yet", error), Effect.ignore(Timelines.ensure))
      ),
      Effect.retry(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")])),
      Effect.orDie
    )

  const step = Effect.fnUntraced(function* (
    { cursor, told }: { readonly cursor: Cursor; readonly told: Cursor | undefined },
    tenantId: TenantId | undefined
  ) {
    const page = yield* patient(read(cursor, { tenantId, limit: rowsARead }))
    const now = yield* Clock.currentTimeMillis
    const { gap } = page
    const isNews = gap !== undefined && (told === undefined || compareCursors(gap.to, told) > 0)
    const events = isNews ? [gapNotice(gap, now), ...page.events] : page.events
    const next = { cursor: page.cursor, told: isNews ? gap.to : told }
    if (events.length > 0) return [events, Option.some(next)] as const
    if (page.isPresent) yield* pause
    return [
      page.cursor === cursor ? [] : [positionNotice(page.cursor, !page.isPresent, now)],
      Option.some(next)
    ] as const
  })

  return Feed.of({
    position: sql.unsafe<{ at: Cursor }>(`SELECT ${settled} AS at`).pipe(
      Effect.map((rows) => rows[0]!.at),
      unavailable
    ),
    check: (cursor, path) =>
      Effect.catchTag(check(cursor, path), "SqlError", (error) => unavailable(Effect.fail(error))),
    read: (after, options) => unavailable(read(after, options)),
    follow: (after, tenantId) =>
      Stream.paginate({ cursor: after, told: undefined as Cursor | undefined }, (progress) =>
        Effect.provideService(step(progress, tenantId), PgClient.PgClient, sql)
      ),
    age: (after) => unavailable(FeedAge.read(sql, after))
  })
})

export const layer = Layer.effect(Feed, make)
