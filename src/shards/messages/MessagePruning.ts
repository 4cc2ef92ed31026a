/**
 * Removes requests that were answered before a given time, with their interrupts, acknowledgements and replies, in the
 * order of their ids, which carry their creation time. A message that waited long is judged by the age of its answer.
 *
 * Messages of a durable workflow stay: its steps are looked up for as long as it lives, which may be longer than any
 * retention. To avoid rereading the messages that stay, a sweep continues where the last one ended; once an hour it
 * starts over.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect } from "effect"
import { MachineId, Snowflake } from "effect/cluster"
import { messageKind, messagesTable, repliesTable } from "./MessageRows.ts"

const rowsALook = 1_000
/** Limit of one sweep. The next sweep continues with the rest. */
const looksASweep = 1_000
const passEvery = Duration.toMillis(Duration.hours(1))

const statement = `
  WITH looked AS MATERIALIZED (
    SELECT id, processed AND last_reply_id < $1::text::bigint AND kind = ${messageKind.Request}
      AND entity_type NOT LIKE 'Workflow/%' AS over
    FROM ${messagesTable} WHERE id > $2::text::bigint AND id < $1::text::bigint ORDER BY id LIMIT ${rowsALook}
  ), requests AS MATERIALIZED (
    SELECT id FROM looked WHERE over
  ), replies AS (
    DELETE FROM ${repliesTable} r USING requests WHERE r.request_id = requests.id
  ), gone AS (
    DELETE FROM ${messagesTable} m USING requests WHERE m.request_id = requests.id RETURNING 1
  )
  SELECT (SELECT count(*) FROM gone)::float8 AS removed, count(*)::float8 AS looked, max(id)::text AS last FROM looked`

interface Looked {
  readonly removed: number
  readonly looked: number
  /** Null when no message was old. */
  readonly last: string | null
}

const firstIdOf = (timestamp: number) =>
  String(Snowflake.make({ timestamp, machineId: MachineId.make(0), sequence: 0 }))

/** Creates a pruner that keeps its position between sweeps. Two pruners at once do no harm. */
export const make = Effect.map(PgClient.PgClient, (sql) => {
  let place = "0"
  let beganAt = Number.NEGATIVE_INFINITY
  let isThrough = true

  const look = (before: string) =>
    Effect.map(sql.unsafe<Looked>(statement, [before, place]), ([found]) => {
      const { last, looked, removed } = found!
      place = last ?? place
      isThrough = looked < rowsALook
      return removed
    })

  /** Runs one sweep. `before`: Unix milliseconds. Returns the number of message rows removed. */
  const sweep = Effect.fnUntraced(function* (before: number) {
    const now = yield* Clock.currentTimeMillis
    if (isThrough && now - beganAt >= passEvery) {
      place = "0"
      beganAt = now
    }
    const firstKept = firstIdOf(before)
    let removed = 0
    for (let n = 0; n < looksASweep; n++) {
      const [took, count] = yield* Effect.timed(look(firstKept))
      removed += count
      if (isThrough) break
      yield* Effect.sleep(took)
    }
    return removed
  })

  return { sweep }
})

export type MessagePruning = Effect.Success<typeof make>
