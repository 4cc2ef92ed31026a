/**
 * How far the feed lags behind the newest commit, and what holds it back. A transaction that has written and stays
 * open, of any program on the same server, hides everything committed after it began, because it may still write rows
 * that sort before.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Effect } from "effect"
import type { Cursor } from "../../../schema/feed/Feed.ts"
import { feedNow, fromCursor } from "./Position.ts"

export interface FeedAge {
  /** Age of the oldest entry that is committed and not yet read; 0 when there is none. */
  readonly millis: number
  /** What holds the feed back, in words for an operator; only when `millis` is more than 1,000. */
  readonly heldBy?: string
}

const toldAfterMillis = 1_000

const unsettled = `
  SELECT (
    SELECT j.at FROM clawster_journal j WHERE j.tx >= (SELECT n.open FROM (${feedNow}) AS n) ORDER BY j.tx, j.position LIMIT 1
  )::float8 AS at`
const unread = `
  SELECT (
    SELECT j.at FROM clawster_journal j WHERE (j.tx, j.position) > ($1::text::xid8, $2::bigint) ORDER BY j.tx, j.position LIMIT 1
  )::float8 AS at`

const holder = `
  SELECT l.pid, p.gid::text AS gid, a.application_name AS application, a.state,
    (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)))::float8 AS seconds
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
  WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock'
  ORDER BY age(l.transactionid) DESC LIMIT 1`

interface Holder {
  readonly pid: number | null
  readonly gid: string | null
  readonly application: string | null
  readonly state: string | null
  readonly seconds: number | null
}

const tell = ({ application, gid, pid, seconds, state }: Holder): string => {
  const since = seconds === null ? "" : ` for ${Math.round(seconds)} s`
  if (pid === null)
    return `a prepared transaction (${gid ?? "of another database"}) has been open${since}; end it with COMMIT PREPARED or ROLLBACK PREPARED`
  const about = [application, state].filter((part) => part !== null && part !== "").join(", ")
  return `database process ${pid}${about === "" ? "" : ` (${about})`} has had a transaction open${since}; end it with SELECT pg_terminate_backend(${pid})`
}

/**
 * `after`: the position read so far. When it is absent, the age is that of the oldest entry that cannot be read yet.
 */
export const read = Effect.fnUntraced(function* (sql: PgClient.PgClient, after: Cursor | undefined) {
  const ask = (text: string, params: ReadonlyArray<unknown>) => sql.unsafe<{ at: number | null }>(text, params)
  const place = after === undefined ? undefined : fromCursor(after)
  const [row] = yield* place === undefined ? ask(unsettled, []) : ask(unread, [place.tx, place.position])
  const at = row?.at ?? null
  const millis = at === null ? 0 : Math.max(0, (yield* Clock.currentTimeMillis) - at)
  if (millis <= toldAfterMillis) return { millis } satisfies FeedAge
  const [held] = yield* sql.unsafe<Holder>(holder)
  return (held === undefined ? { millis } : { millis, heldBy: tell(held) }) satisfies FeedAge
})
