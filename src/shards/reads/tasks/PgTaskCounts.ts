/**
 * Counts of tasks as their lanes keep them: each lane's view, written with its commits, says how many tasks are
 * pending, running and ended. The cost therefore grows with the number of lanes, never with the number of tasks.
 *
 * Lanes that were removed for disuse have left their counts of ended tasks behind (Forgetting.ts).
 *
 * A lane counts scheduled and retrying tasks together; how many of them are retrying is counted through an index, up to
 * a limit.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { TenantId } from "../../../schema/Ids.ts"
import { numberIn } from "../DocumentDecoder.ts"
import type { TaskPhase } from "../../../schema/Task.ts"

const retryingCounted = 10_000

const sum = (field: string) => `coalesce(sum(${numberIn("doc", `'${field}'`)}), 0)::float8`

const past = (field: string, isOfTenant: boolean) =>
  `(SELECT coalesce(sum(${field}), 0)::float8 FROM clawster_past_counts ${isOfTenant ? "WHERE tenant_id = $1::text" : ""})`

const statement = (isOfTenant: boolean) => `
  SELECT ${sum("pending")} AS pending, ${sum("scheduled")} AS timed, ${sum("running")} AS running,
    ${["completed", "failed", "cancelled"].map((field) => `${sum(field)} + ${past(field, isOfTenant)} AS ${field}`).join(", ")},
    ${sum("deadLettered")} AS dead_lettered, (
      SELECT count(*)::float8 FROM (
        SELECT FROM clawster_tasks WHERE phase = 'retrying' ${isOfTenant ? "AND tenant_id = $1::text" : ""}
        LIMIT ${retryingCounted}
      ) AS few
    ) AS retrying
  FROM clawster_views WHERE entity_type = 'Lane' ${isOfTenant ? "AND tenant_id = $1::text" : ""}`

const ofTenant = statement(true)
const ofAll = statement(false)

type Row = Record<Exclude<TaskPhase, "scheduled"> | "timed", number>

/** Phases without tasks are left out. */
export const read = Effect.fnUntraced(function* (sql: PgClient.PgClient, tenantId: TenantId | undefined) {
  const [row] = yield* tenantId === undefined ? sql.unsafe<Row>(ofAll) : sql.unsafe<Row>(ofTenant, [tenantId])
  const { timed, ...counts } = row!
  const all = { ...counts, scheduled: Math.max(0, timed - counts.retrying) }
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0)) as Partial<Record<TaskPhase, number>>
})
