/** Reads of the task table: pages of a lane's backlog for its actor, and statuses for clients. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Schema } from "effect"
import { TaskReads } from "../../entities/Reads.ts"
import { type BacklogEntry, type DeadLetter, TaskRows } from "../../entities/TaskRows.ts"
import type { LaneName, TaskId } from "../../schema/Ids.ts"
import { type TaskPhase, TaskSpec, TaskStatus } from "../../schema/Task.ts"
import * as PgTaskCounts from "./PgTaskCounts.ts"
import * as PgTaskEvents from "./PgTaskEvents.ts"
import * as PgTaskLists from "./PgTaskLists.ts"
import { statusColumns } from "./TaskListStatement.ts"
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

const toStatus = (row: Record<string, unknown>): TaskStatus =>
  decodeStatus(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)))

const wholeColumns = `${statusColumns}, spec ->> 'workspaceId' AS "workspaceId", result, error`

/** Goes from tenant to tenant by the primary key, a look each, since a task's id is unique within its tenant only. */
export const byIdStatement = `
  WITH RECURSIVE tenants(id) AS (
    (SELECT tenant_id FROM clawster_tasks ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT t.tenant_id FROM clawster_tasks t WHERE t.tenant_id > n.id ORDER BY t.tenant_id LIMIT 1)
    FROM tenants n WHERE n.id IS NOT NULL
  )
  SELECT t.* FROM tenants n CROSS JOIN LATERAL (
    SELECT ${wholeColumns} FROM clawster_tasks WHERE tenant_id = n.id AND task_id = $1::text
  ) t LIMIT 1`

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
      (tenantId === undefined
        ? sql.unsafe<Record<string, unknown>>(byIdStatement, [taskId])
        : sql.unsafe<Record<string, unknown>>(
          `SELECT ${wholeColumns} FROM clawster_tasks WHERE tenant_id = $1::text AND task_id = $2::text`,
          [tenantId, taskId]
        )).pipe(Effect.map((rows) => rows[0] === undefined ? undefined : toStatus(rows[0])), unavailable),
    list: (options) => unavailable(PgTaskLists.read(sql, options, decodeStatus)),
    lanesOf: (tenantId, taskIds) =>
      sql.unsafe<{ taskId: TaskId; lane: LaneName }>(
        `SELECT task_id AS "taskId", lane FROM clawster_tasks
         WHERE tenant_id = $1::text AND task_id IN (SELECT json_array_elements_text($2::text::json))`,
        [tenantId, JSON.stringify(taskIds)]
      ).pipe(Effect.map((rows) => new Map(rows.map(({ lane, taskId }) => [taskId, lane]))), unavailable),
    events: (task, options) => unavailable(PgTaskEvents.read(sql, task, options)),
    counts: (tenantId) => unavailable(PgTaskCounts.read(sql, tenantId))
  }))

export const layer = Layer.mergeAll(Layer.effect(TaskRows, taskRows), Layer.effect(TaskReads, taskReads))
