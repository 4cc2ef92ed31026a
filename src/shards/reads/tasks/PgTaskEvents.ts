/**
 * The events of one task, read from the actors that report on it: its lane, and the instances that the lane started it
 * on. An actor's own rows are found by the journal's key, and the rows of the task's lifetime by binary search, since
 * an actor's sequence is in the order of time. Nothing is stored for it.
 *
 * A page examines a bounded number of rows and reports how far it got, so that a long-lived task on a busy lane is read
 * in few pages that all make progress.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Effect } from "effect"
import type { Page } from "../../../ports/Reads.ts"
import type { Cursor, FeedEvent } from "../../../schema/feed/Feed.ts"
import { gapNotice } from "../../../schema/feed/FeedNotice.ts"
import { instanceEntityId, laneEntityId, type InstanceId, type Placement } from "../../../schema/Ids.ts"
import type { TaskStatus } from "../../../schema/Task.ts"
import { toEvents } from "../feed/FeedRows.ts"
import * as FeedTimelines from "../feed/FeedTimelines.ts"
import {
  after as isAfter,
  columns,
  inOrder,
  type JournalPage,
  makeSource,
  read as readPage
} from "../feed/JournalPages.ts"
import { fromCursor, type Position } from "../feed/Position.ts"

/**
 * How far the clocks of runners may be apart, and for how long after its end an instance may still report on a task.
 */
const slackMillis = 10_000
/** Rows of one actor that one statement examines. */
const rowsALook = 20_000
/** Limit of one page, which may then be empty and still have a `next`. */
const looksAPage = 25

export interface ActorRows {
  readonly type: string
  readonly id: string
  /** The sequence number of the first row that may be relevant, and the one after the last. */
  readonly low: number
  readonly high: number
}

const actors = `json_to_recordset($1::text::json) AS a(type text, id text, low bigint, high bigint)`
const ofActor = "j.entity_type = a.type AND j.entity_id = a.id"

/**
 * Binary search: the first row of each actor, from `low` on and before `high`, for which `isBefore` is false; `high`
 * when it is true for all rows.
 */
const seeking = (isBefore: string) => `
  WITH RECURSIVE seek(type, id, low, high) AS (
    SELECT a.type, a.id, a.low, a.high FROM ${actors}
    UNION ALL
    SELECT a.type, a.id, CASE WHEN ${isBefore} THEN middle + 1 ELSE a.low END, CASE WHEN ${isBefore} THEN a.high ELSE middle END
    FROM seek AS a
    CROSS JOIN LATERAL (SELECT (a.low + a.high) / 2 AS middle) AS halved
    LEFT JOIN LATERAL (
      SELECT j.at, j.tx, j.position FROM clawster_journal j WHERE ${ofActor} AND j.seq >= middle ORDER BY j.seq LIMIT 1
    ) AS j ON true
    WHERE a.low < a.high
  )
  SELECT type, id, max(low)::float8 AS seq FROM seek GROUP BY type, id`

/** `$2`: Unix milliseconds. */
export const timeStatement = seeking("j.at < $2::bigint")
/** `$2`, `$3`: a position. Finds the first row after it. */
export const placeStatement = seeking("(j.tx, j.position) <= ($2::text::xid8, $3::bigint)")

/** The range of all rows of an actor. */
const extent = `
  SELECT a.type, a.id,
    coalesce((SELECT seq FROM clawster_journal j WHERE ${ofActor} ORDER BY seq LIMIT 1), 0)::float8 AS low,
    coalesce((SELECT seq + 1 FROM clawster_journal j WHERE ${ofActor} ORDER BY seq DESC LIMIT 1), 0)::float8 AS high
  FROM ${actors}`

/**
 * The instances on which the lane started the task. `$1`: the lane; `$2`: text that every row of the task contains;
 * `$3`: the task.
 */
const startedStatement = `
  SELECT DISTINCT e ->> 'placement' AS placement, e ->> 'instanceId' AS "instanceId"
  FROM ${actors} JOIN clawster_journal j ON ${ofActor} AND j.seq >= a.low AND j.seq < a.high
    AND strpos(j.events::text, $2::text) > 0 AND strpos(j.events::text, '"task.started"') > 0
  CROSS JOIN LATERAL json_array_elements(j.events) AS e
  WHERE e ->> '_tag' = 'task.started' AND e ->> 'taskId' = $3::text`

/** The first row of each actor at or after `high`. */
const edgesStatement = `
  SELECT a.type, a.id, e.seq::float8 AS seq, e.tx::text AS tx, e.position::text AS position
  FROM ${actors} CROSS JOIN LATERAL (
    SELECT j.seq, j.tx, j.position FROM clawster_journal j WHERE ${ofActor} AND j.seq >= a.high ORDER BY j.seq LIMIT 1
  ) AS e ORDER BY e.tx, e.position`

/** `$4`: the actors; `$5`: text that every row of the task contains; `$6`, `$7`: the last position to read, or null. */
export const taskSource = makeSource(`
  SELECT ${columns}, true AS wanted
  FROM json_to_recordset($4::text::json) AS a(type text, id text, low bigint, high bigint)
  CROSS JOIN LATERAL (
    SELECT ${columns} FROM clawster_journal j
    WHERE ${ofActor} AND j.seq >= a.low AND j.seq < a.high AND strpos(j.events::text, $5::text) > 0 OFFSET 0
  ) AS j
  WHERE ${isAfter} AND ($6::text IS NULL OR (j.tx, j.position) <= ($6::text::xid8, $7::bigint)) ${inOrder}`)

const seek = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  rows: ReadonlyArray<ActorRows>,
  statement: string,
  ...more: ReadonlyArray<unknown>
) {
  const found = yield* sql.unsafe<{ type: string; id: string; seq: number }>(statement, [JSON.stringify(rows), ...more])
  const seqs = new Map(found.map(({ id, seq, type }) => [`${type}/${id}`, seq]))
  return (actor: ActorRows): number => seqs.get(`${actor.type}/${actor.id}`) ?? actor.high
})

/** Each actor with the range of its rows in the task's lifetime. */
const ofLifetime = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  ids: ReadonlyArray<Pick<ActorRows, "type" | "id">>,
  { endedAt, submittedAt }: Pick<TaskStatus, "submittedAt" | "endedAt">
) {
  const all = yield* sql.unsafe<ActorRows>(extent, [JSON.stringify(ids)])
  const from = yield* seek(sql, all, timeStatement, submittedAt - slackMillis)
  const to = endedAt === undefined ? undefined : yield* seek(sql, all, timeStatement, endedAt + slackMillis)
  return all.map((actor) => ({ ...actor, low: from(actor), high: to?.(actor) ?? actor.high }))
})

const textOf = (taskId: string) => `"taskId":${JSON.stringify(taskId)}`

const actorsOf = Effect.fnUntraced(function* (sql: PgClient.PgClient, task: TaskStatus) {
  const lane = yield* ofLifetime(sql, [{ type: "Lane", id: laneEntityId(task.tenantId, task.lane) }], task)
  const started = yield* sql.unsafe<{ placement: Placement; instanceId: InstanceId }>(startedStatement, [
    JSON.stringify(lane),
    textOf(task.taskId),
    task.taskId
  ])
  const instances = started.map(({ instanceId, placement }) => ({
    type: "Instance",
    id: instanceEntityId(placement, instanceId)
  }))
  return [...lane, ...(instances.length === 0 ? [] : yield* ofLifetime(sql, instances, task))]
})

interface Edge extends Position {
  readonly type: string
  readonly id: string
  readonly seq: number
}

/**
 * The next rows of each actor. `upTo`: the position up to which these are complete; undefined when nothing is left
 * beyond them.
 */
const look = Effect.fnUntraced(function* (sql: PgClient.PgClient, all: ReadonlyArray<ActorRows>, place: Position) {
  const first = yield* seek(sql, all, placeStatement, place.tx, place.position)
  const rows = all.map((actor) => ({ ...actor, low: first(actor) }))
  const cut = rows.flatMap((actor) =>
    actor.low + rowsALook < actor.high ? [{ ...actor, high: actor.low + rowsALook }] : []
  )
  if (cut.length === 0) return { rows, upTo: undefined }
  const edges = yield* sql.unsafe<Edge>(edgesStatement, [JSON.stringify(cut)])
  const ends = new Map(edges.map(({ id, seq, type }) => [`${type}/${id}`, seq + 1]))
  return {
    rows: rows.map((actor) => ({
      ...actor,
      high: Math.min(actor.high, ends.get(`${actor.type}/${actor.id}`) ?? actor.high)
    })),
    upTo: edges[0]
  }
})

/** Reads one page of whole entries, so a page may hold a few events more than `limit`. */
export const read = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  task: TaskStatus,
  { after, limit }: { readonly after?: Cursor | undefined; readonly limit: number }
) {
  const timelines = yield* FeedTimelines.load(sql)
  const all = yield* actorsOf(sql, task)
  const items: Array<FeedEvent> = []
  let place: Position = after === undefined ? { tx: "0", position: "0" } : fromCursor(after)
  let page: JournalPage | undefined
  for (let looks = 0; looks < looksAPage; looks++) {
    const { rows, upTo } = yield* look(sql, all, place)
    page = yield* readPage(sql, taskSource, place, limit, [
      JSON.stringify(rows),
      textOf(task.taskId),
      upTo?.tx ?? null,
      upTo?.position ?? null
    ])
    const gap = looks === 0 && after !== undefined ? timelines.gapAfter(after, page.state) : undefined
    if (gap !== undefined) items.push(gapNotice(gap, yield* Clock.currentTimeMillis))
    const position = timelines.cursorOf(page.state.last)
    for (const row of page.rows) {
      place = row
      items.push(...toEvents(row, timelines.cursorOf(row), task.tenantId).filter(isOf(task)))
      if (items.length >= limit) return { items, position, next: timelines.cursorOf(row) } satisfies Page<FeedEvent>
    }
    if (!page.isAll) return { items, position, next: timelines.cursorOf(place) } satisfies Page<FeedEvent>
    if (upTo === undefined) return { items, position } satisfies Page<FeedEvent>
    place = upTo
  }
  return {
    items,
    position: timelines.cursorOf(page!.state.last),
    next: timelines.cursorOf(place)
  } satisfies Page<FeedEvent>
})

/** Notices of entries that cannot be shown are of the task, too, since only its rows are read. */
const isOf =
  ({ taskId }: TaskStatus) =>
  ({ payload, type }: FeedEvent) =>
    payload["taskId"] === taskId || type === "feed.skipped"
