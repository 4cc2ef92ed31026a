/** Reads of the task table: pages of a lane's backlog for its actor, and statuses for clients. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Schema } from "effect"
import { type StoredSubmission, TaskReads } from "../../../ports/Reads.ts"
import { type BacklogEntry, type DeadLetter, TaskRows } from "../../../ports/TaskRows.ts"
import { type LaneName, TaskId, type TenantId } from "../../../schema/Ids.ts"
import { Tried } from "../../../schema/runs/Tried.ts"
import {
  defaultRetryPolicy,
  heldMost,
  hold,
  Priority,
  type TaskPhase,
  TaskSpec,
  TaskStatus
} from "../../../schema/Task.ts"
import { pageOf } from "./BacklogPages.ts"
import * as PgTaskCounts from "./PgTaskCounts.ts"
import * as PgTaskEvents from "./PgTaskEvents.ts"
import * as PgTaskLists from "./PgTaskLists.ts"
import * as DocumentDecoder from "../DocumentDecoder.ts"
import { statusColumns } from "./TaskListStatement.ts"
import { unavailable } from "../StoreUnavailable.ts"

interface BacklogRow {
  readonly taskId: TaskId
  /** Null when the spec is `large`. */
  readonly spec: unknown
  readonly large: boolean
  readonly rank: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly submittedAt: number
  readonly notBefore: number | null
  readonly endedAt: number | null
  readonly phase: TaskPhase
  readonly tried: unknown
  /** Present for dead letters only. */
  readonly priority?: string
  readonly budget?: string | null
}

const specs = DocumentDecoder.make("task", TaskSpec, "stored")
const tries = DocumentDecoder.make("list of tried instances", Tried, "stored")
const statuses = DocumentDecoder.make("task", TaskStatus)
const deadLetters = DocumentDecoder.make(
  "dead letter",
  Schema.Struct({ taskId: TaskId, priority: Priority, attempt: Schema.Int, budget: Schema.Int, endedAt: Schema.Finite })
)
/** Decodes the status of a task in a list; throws when it does not match the schema. */
const decodeStatus = Schema.decodeUnknownSync(
  Schema.toCodecJson(TaskStatus) as unknown as Schema.Codec<TaskStatus, unknown>
)

/**
 * Maximum bytes of a spec that is read with its row: a whole page of the longest would be 64 MB. A longer spec is read
 * by itself, and only the part that an actor holds is kept.
 */
const specInPage = 32_768
const isLarge = `octet_length(spec::text) > ${specInPage}`

const backlogColumns = `task_id AS "taskId", CASE WHEN NOT ${isLarge} THEN spec END AS spec, ${isLarge} AS large,
  rank, attempt, max_attempts AS "maxAttempts", submitted_at::float8 AS "submittedAt",
  not_before::float8 AS "notBefore", ended_at::float8 AS "endedAt", phase, tried`

/** A spec may be long, so only the needed field is read where PostgreSQL can parse the document. */
const deadColumns = `task_id AS "taskId", priority, attempt, ended_at::float8 AS "endedAt",
  CASE WHEN ${DocumentDecoder.isPlain("spec")} THEN spec #>> '{retry,maxAttempts}' END AS budget,
  CASE WHEN NOT ${DocumentDecoder.isPlain("spec")} AND NOT ${isLarge} THEN spec END AS spec,
  NOT ${DocumentDecoder.isPlain("spec")} AND ${isLarge} AS large`

/** Null when the row no longer exists. */
const largeSpec = (sql: PgClient.PgClient, tenantId: TenantId, taskId: TaskId) =>
  Effect.map(
    sql.unsafe<{ spec: unknown }>(`SELECT spec FROM clawster_tasks WHERE tenant_id = $1::text AND task_id = $2::text`, [
      tenantId,
      taskId
    ]),
    ([row]) => row?.spec ?? null
  )

/** The row with its spec. */
const whole = (sql: PgClient.PgClient, tenantId: TenantId, row: BacklogRow) =>
  row.large ? Effect.map(largeSpec(sql, tenantId, row.taskId), (spec) => ({ ...row, spec })) : Effect.succeed(row)

const toDeadLetter = (tenantId: TenantId, row: BacklogRow): Effect.Effect<DeadLetter | undefined> => {
  const { attempt, budget, endedAt, priority, spec, taskId } = row
  const asked = Number(budget ?? (spec as TaskSpec | null)?.retry?.maxAttempts)
  const letter = { taskId, priority, attempt, endedAt, budget: asked >= 1 ? asked : defaultRetryPolicy.maxAttempts }
  return deadLetters.decode(`${tenantId}/${taskId}`, letter)
}

const keyOf = ({ spec, taskId }: BacklogRow): string => `${String((spec as TaskSpec | null)?.tenantId)}/${taskId}`

/** A list of tried instances that cannot be read is left out; the task is tried anywhere then. */
const triedOf = (row: BacklogRow) => (row.tried === null ? Effect.undefined : tries.decode(keyOf(row), row.tried))

const toEntry = (row: BacklogRow) =>
  Effect.zipWith(specs.decode(keyOf(row), row.spec), triedOf(row), (task, tried): BacklogEntry | undefined => {
    const { attempt, maxAttempts, rank, submittedAt } = row
    const held = task && { task: hold(task, heldMost.waiting), rank, attempt, maxAttempts, submittedAt }
    return held && (tried === undefined ? held : { ...held, tried })
  })

const present = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))

/** Decodes a status, without its result and error when those cannot be decoded; undefined when that fails, too. */
const toStatus = (row: Record<string, unknown>): Effect.Effect<TaskStatus | undefined> => {
  const { error, result, ...rest } = present(row)
  const key = `${String(rest["tenantId"])}/${String(rest["taskId"])}`
  const said = { ...(error === undefined ? {} : { error }), ...(result === undefined ? {} : { result }) }
  return Effect.flatMap(statuses.decode(key, { ...rest, ...said }), (status) =>
    status === undefined ? statuses.decode(key, rest) : Effect.succeed(status)
  )
}

/** Tasks from before the `workspace_id` column have the workspace only in their spec. */
const wholeColumns = `${statusColumns},
  coalesce(workspace_id, CASE WHEN ${DocumentDecoder.isPlain("spec")} THEN spec ->> 'workspaceId' END) AS "workspaceId", result, error`

/**
 * Skip scan over the tenants by the primary key, one lookup per tenant, since a task's id is unique within its tenant
 * only.
 */
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
      pageOf(
        limit,
        (last: BacklogRow | undefined) =>
          sql.unsafe<BacklogRow>(
            `SELECT ${backlogColumns} FROM clawster_tasks
             WHERE tenant_id = $1::text AND lane = $2::text AND phase = 'pending'
               AND (rank, task_id) > ($3::double precision, $4::text)
             ORDER BY rank, task_id LIMIT $5::int`,
            [
              tenantId,
              lane,
              last?.rank ?? after?.rank ?? Number.NEGATIVE_INFINITY,
              last?.taskId ?? after?.taskId ?? "",
              limit
            ]
          ),
        (row) => Effect.flatMap(whole(sql, tenantId, row), toEntry)
      ).pipe(unavailable),
    scheduled: ({ lane, tenantId }, after, limit) =>
      pageOf(
        limit,
        (last: BacklogRow | undefined) =>
          sql.unsafe<BacklogRow>(
            `SELECT ${backlogColumns} FROM clawster_tasks
             WHERE tenant_id = $1::text AND lane = $2::text AND phase IN ('scheduled', 'retrying')
               AND (not_before, task_id) > ($3::bigint, $4::text)
             ORDER BY not_before, task_id LIMIT $5::int`,
            [tenantId, lane, last?.notBefore ?? after?.notBefore ?? -1, last?.taskId ?? after?.taskId ?? "", limit]
          ),
        (row) =>
          Effect.flatMap(whole(sql, tenantId, row), toEntry).pipe(
            Effect.map((entry) => entry && { ...entry, notBefore: row.notBefore ?? 0 })
          )
      ).pipe(unavailable),
    deadLettered: ({ lane, tenantId }, after, limit) =>
      pageOf(
        limit,
        (last: BacklogRow | undefined) =>
          sql.unsafe<BacklogRow>(
            `SELECT ${deadColumns} FROM clawster_tasks
             WHERE tenant_id = $1::text AND lane = $2::text AND phase = 'dead_lettered'
               AND (ended_at, task_id) > ($3::bigint, $4::text)
             ORDER BY ended_at, task_id LIMIT $5::int`,
            [tenantId, lane, last?.endedAt ?? after?.endedAt ?? -1, last?.taskId ?? after?.taskId ?? "", limit]
          ),
        (row) => Effect.flatMap(whole(sql, tenantId, row), (letter) => toDeadLetter(tenantId, letter))
      ).pipe(unavailable),
    deadlines: ({ lane, tenantId }, limit) =>
      sql
        .unsafe<{ taskId: TaskId; deadlineAt: number }>(
          `SELECT task_id AS "taskId", deadline_at::float8 AS "deadlineAt" FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND phase IN ('pending', 'scheduled', 'retrying')
           AND deadline_at IS NOT NULL
         ORDER BY deadline_at, task_id LIMIT $3::int`,
          [tenantId, lane, limit]
        )
        .pipe(unavailable),
    get: ({ lane, tenantId }, taskIds) =>
      sql
        .unsafe<BacklogRow>(
          `SELECT ${backlogColumns} FROM clawster_tasks
         WHERE tenant_id = $1::text AND lane = $2::text AND task_id IN (SELECT json_array_elements_text($3::text::json))`,
          [tenantId, lane, JSON.stringify(taskIds)]
        )
        .pipe(
          Effect.flatMap((rows) =>
            Effect.forEach(rows, (row) =>
              Effect.map(
                Effect.flatMap(whole(sql, tenantId, row), toEntry),
                (entry) =>
                  entry && {
                    ...entry,
                    phase: row.phase,
                    notBefore: row.notBefore ?? undefined,
                    endedAt: row.endedAt ?? undefined
                  }
              )
            )
          ),
          Effect.map((entries) => entries.filter((entry) => entry !== undefined)),
          unavailable
        )
  })
)

const taskReads = Effect.map(PgClient.PgClient, (sql) =>
  TaskReads.of({
    get: (tenantId, taskId) =>
      (tenantId === undefined
        ? sql.unsafe<Record<string, unknown>>(byIdStatement, [taskId])
        : sql.unsafe<Record<string, unknown>>(
            `SELECT ${wholeColumns} FROM clawster_tasks WHERE tenant_id = $1::text AND task_id = $2::text`,
            [tenantId, taskId]
          )
      ).pipe(
        Effect.flatMap(([row]) => (row === undefined ? Effect.undefined : toStatus(row))),
        unavailable
      ),
    list: (options) => unavailable(PgTaskLists.read(sql, options, decodeStatus)),
    submissions: (tenantId, taskIds) =>
      sql
        .unsafe<StoredSubmission & { taskId: TaskId; fingerprint: string | null }>(
          `SELECT "taskId", lane, phase, "submittedAt", fingerprint, CASE WHEN fingerprint IS NULL THEN spec END AS spec FROM (
           SELECT task_id AS "taskId", lane, phase, submitted_at::float8 AS "submittedAt", spec,
             CASE WHEN ${DocumentDecoder.isPlain("spec")} THEN spec ->> 'fingerprint' END AS fingerprint
           FROM clawster_tasks WHERE tenant_id = $1::text AND task_id IN (SELECT json_array_elements_text($2::text::json))
         ) AS found`,
          [tenantId, JSON.stringify(taskIds)]
        )
        .pipe(
          Effect.map(
            (rows) =>
              new Map(
                rows.map(({ fingerprint, taskId, ...row }) => [
                  taskId,
                  { ...row, fingerprint: fingerprint ?? undefined }
                ])
              )
          ),
          unavailable
        ),
    lanesOf: (tenantId, taskIds) =>
      sql
        .unsafe<{ taskId: TaskId; lane: LaneName }>(
          `SELECT task_id AS "taskId", lane FROM clawster_tasks
         WHERE tenant_id = $1::text AND task_id IN (SELECT json_array_elements_text($2::text::json))`,
          [tenantId, JSON.stringify(taskIds)]
        )
        .pipe(
          Effect.map((rows) => new Map(rows.map(({ lane, taskId }) => [taskId, lane]))),
          unavailable
        ),
    events: (task, options) => unavailable(PgTaskEvents.read(sql, task, options)),
    counts: (tenantId) => unavailable(PgTaskCounts.read(sql, tenantId))
  })
)

export const layer = Layer.mergeAll(Layer.effect(TaskRows, taskRows), Layer.effect(TaskReads, taskReads))
