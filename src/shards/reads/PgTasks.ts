/** Reads of the task table: pages of a lane's backlog for its actor, and statuses for clients. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Schema } from "effect"
import { type Page, TaskReads } from "../../entities/Reads.ts"
import { type BacklogEntry, type DeadLetter, TaskRows } from "../../entities/TaskRows.ts"
import type { Cursor } from "../../schema/Feed.ts"
import type { TaskId } from "../../schema/Ids.ts"
import { type TaskPhase, TaskSpec, TaskStatus } from "../../schema/Task.ts"
import * as PgTaskCounts from "./PgTaskCounts.ts"
import * as PgTaskEvents from "./PgTaskEvents.ts"
import { settled } from "./Position.ts"
import { unavailable } from "./Unavailable.ts"

interface BacklogRow {
  readonly spec: unknown
  readonly rank: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly submittedAt: number
  readonly notBefore: number | null
  readonly endedAt: number | null
  readonly phase: TaskPhase
}

const decoder = <A>(schema: Schema.Codec<A, any>) =>
  Schema.decodeUnknownSync(Schema.toCodecJson(schema) as unknown as Schema.Codec<A, unknown>)
const decodeSpec = decoder(TaskSpec)
const decodeStatus = decoder(TaskStatus)

const backlogColumns = `spec, rank, attempt, max_attempts AS "maxAttempts", submitted_at::float8 AS "submittedAt",
  not_before::float8 AS "notBefore", ended_at::float8 AS "endedAt", phase`

const toEntry = ({ attempt, maxAttempts, rank, spec, submittedAt }: BacklogRow): BacklogEntry => ({
  task: decodeSpec(spec),
  rank,
  attempt,
  maxAttempts,
  submittedAt
})

const statusColumns = `
  task_id AS "taskId", tenant_id AS "tenantId", lane, spec ->> 'workspaceId' AS "workspaceId", phase, priority, attempt,
  max_attempts AS "maxAttempts", instance_id AS "instanceId", submitted_at::float8 AS "submittedAt",
  started_at::float8 AS "startedAt", ended_at::float8 AS "endedAt", not_before::float8 AS "notBefore",
  deadline_at::float8 AS "deadlineAt", result, error, because AS "routedBecause"`

const toStatus = (row: Record<string, unknown>): TaskStatus =>
  decodeStatus(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)))

const taskRows = Effect.map(PgClient.PgClient, (sql) =>
  TaskRows.of({
    pending: ({ lane, tenantId }, after, limit) =>
      sql.unsafe<BacklogRow>(
        `SELECT ${backlogColumns} FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND phase = 'pending'
           AND (rank, task_id) > ($3::double precision, $4::text)
         ORDER BY rank, task_id LIMIT $5::int`,
        [tenantId, lane, after?.rank ?? Number.NEGATIVE_INFINITY, after?.taskId ?? "", limit]
      ).pipe(Effect.map((rows) => rows.map(toEntry)), unavailable),
    scheduled: ({ lane, tenantId }, after, limit) =>
      sql.unsafe<BacklogRow>(
        `SELECT ${backlogColumns} FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND phase IN ('scheduled', 'retrying')
           AND (not_before, task_id) > ($3::bigint, $4::text)
         ORDER BY not_before, task_id LIMIT $5::int`,
        [tenantId, lane, after?.notBefore ?? -1, after?.taskId ?? "", limit]
      ).pipe(
        Effect.map((rows) => rows.map((row) => ({ ...toEntry(row), notBefore: row.notBefore! }))),
        unavailable
      ),
    deadLettered: ({ lane, tenantId }, after, limit) =>
      sql.unsafe<DeadLetter>(
        `SELECT task_id AS "taskId", priority, attempt, (spec #>> '{retry,maxAttempts}')::int AS budget,
           ended_at::float8 AS "endedAt"
         FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND phase = 'dead_lettered'
           AND (ended_at, task_id) > ($3::bigint, $4::text)
         ORDER BY ended_at, task_id LIMIT $5::int`,
        [tenantId, lane, after?.endedAt ?? -1, after?.taskId ?? "", limit]
      ).pipe(unavailable),
    deadlines: ({ lane, tenantId }, limit) =>
      sql.unsafe<{ taskId: TaskId; deadlineAt: number }>(
        `SELECT task_id AS "taskId", deadline_at::float8 AS "deadlineAt" FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND phase IN ('pending', 'scheduled', 'retrying')
           AND deadline_at IS NOT NULL
         ORDER BY deadline_at, task_id LIMIT $3::int`,
        [tenantId, lane, limit]
      ).pipe(unavailable),
    get: ({ lane, tenantId }, taskIds) =>
      sql.unsafe<BacklogRow>(
        `SELECT ${backlogColumns} FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND task_id IN (SELECT json_array_elements_text($3::text::json))`,
        [tenantId, lane, JSON.stringify(taskIds)]
      ).pipe(
        Effect.map((rows) =>
          rows.map((row) => ({
            ...toEntry(row),
            phase: row.phase,
            notBefore: row.notBefore ?? undefined,
            endedAt: row.endedAt ?? undefined
          }))
        ),
        unavailable
      )
  }))

const taskReads = Effect.map(PgClient.PgClient, (sql) =>
  TaskReads.of({
    get: (tenantId, taskId) =>
      sql.unsafe<Record<string, unknown>>(
        `SELECT ${statusColumns} FROM clawster_tasks
         WHERE task_id = $2::text AND ($1::text IS NULL OR tenant_id = $1::text) LIMIT 1`,
        [tenantId ?? null, taskId]
      ).pipe(Effect.map((rows) => rows[0] === undefined ? undefined : toStatus(rows[0])), unavailable),
    list: Effect.fnUntraced(
      function*({ after, lane, limit, phases, tenantId }) {
        const cut = after?.indexOf("~") ?? -1
        const rows = yield* sql.unsafe<Record<string, unknown> & { readonly at: Cursor }>(
          `SELECT t.*, p.at FROM (SELECT ${settled} AS at) p
           LEFT JOIN LATERAL (
             SELECT ${statusColumns} FROM clawster_tasks
             WHERE ($1::text IS NULL OR tenant_id = $1::text) AND ($2::text IS NULL OR lane = $2::text)
               AND ($3::text IS NULL OR phase IN (SELECT json_array_elements_text($3::text::json)))
               AND ($4::bigint IS NULL OR submitted_at < $4::bigint OR (submitted_at = $4::bigint AND task_id > $5::text))
             ORDER BY submitted_at DESC, task_id LIMIT $6::int
           ) t ON true`,
          [
            tenantId ?? null,
            lane ?? null,
            phases === undefined ? null : JSON.stringify(phases),
            cut < 0 ? null : after!.slice(0, cut),
            cut < 0 ? "" : after!.slice(cut + 1),
            limit + 1
          ]
        )
        const found = rows.filter((row) => row["taskId"] !== null)
        const items = found.slice(0, limit).map(({ at: _, ...row }) => toStatus(row))
        const last = items.at(-1)
        return {
          items,
          position: rows[0]!.at,
          ...(found.length > limit && last !== undefined ? { next: `${last.submittedAt}~${last.taskId}` } : {})
        } satisfies Page<TaskStatus>
      },
      unavailable
    ),
    events: (task, options) => unavailable(PgTaskEvents.read(sql, task, options)),
    counts: (tenantId) => unavailable(PgTaskCounts.read(sql, tenantId))
  }))

export const layer = Layer.mergeAll(Layer.effect(TaskRows, taskRows), Layer.effect(TaskReads, taskReads))
