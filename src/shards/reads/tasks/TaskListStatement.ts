/**
 * The statement for one page of tasks, bounded whatever the filter: each part of the list is read in the list's order
 * through the index on the most selective of the requested columns, and the conditions that the index does not answer
 * are checked row by row, over at most `rowsAWindow` rows. When a part ends there, the result has its `edges`, so that
 * a page may be short, or even empty, and still say where to go on.
 *
 * An arm is one such part: rows of one index in its order. Arms of one statement share no row.
 */
import type { TaskListOptions } from "../../../ports/Reads.ts"
import { TaskPhase, terminalPhases } from "../../../schema/Task.ts"
import { settled } from "../feed/Position.ts"

/** Rows of one arm that are examined for one page. */
export const rowsAWindow = 10_000

/**
 * Characters of a result, or of an error, as JSON: a longer one than `whole` is shown by its beginning (`head`) and its
 * end (`tail`).
 */
export const jsonShown = { whole: 1_000, head: 1_000, tail: 300 } as const

export type TaskQuery = TaskListOptions

interface Arm {
  /** Conditions that the index answers. */
  readonly where: ReadonlyArray<string>
  /** Conditions that are checked row by row. */
  readonly residual: ReadonlyArray<string>
}

type Column = "tenant_id" | "lane" | "phase" | "instance_id" | "error_code" | "session_id" | "workspace_id"

class Parameters {
  readonly values: Array<unknown> = []

  add(value: unknown, type: "text" | "bigint"): string {
    this.values.push(value)
    return `$${this.values.length}::${type}`
  }
}

const allPhases = TaskPhase.literals
const rareOfTenant: ReadonlySet<TaskPhase> = new Set(["retrying", "failed", "dead_lettered", "cancelled"])

const equal = (column: Column, value: string): string => `${column} = ${value}`

type Conditions = Partial<Record<Column, string>>

/** No condition when all phases are given, or none. */
const phaseIn = (phases: ReadonlyArray<TaskPhase>): ReadonlyArray<string> =>
  phases.length === allPhases.length || phases.length === 0
    ? []
    : [`phase IN (${phases.map((phase) => `'${phase}'`).join(", ")})`]

/** Conditions on the requested columns, apart from the phase and the times. */
const conditionsOf = (query: TaskQuery, parameters: Parameters): Conditions => {
  const asked = {
    tenant_id: query.tenantId,
    lane: query.lane,
    instance_id: query.instanceId,
    error_code: query.errorCode,
    session_id: query.sessionId,
    workspace_id: query.workspaceId
  } as const
  return Object.fromEntries(
    Object.entries(asked).flatMap(([column, value]) =>
      value === undefined ? [] : [[column, equal(column as Column, parameters.add(value, "text"))]]
    )
  )
}

const without = (conditions: Conditions, ...columns: ReadonlyArray<Column>): ReadonlyArray<string> =>
  Object.entries(conditions).flatMap(([column, condition]) => (columns.includes(column as Column) ? [] : [condition]))

/** Selective columns, each of whose values has few tasks; the most selective comes first. */
const telling = ["error_code", "session_id", "workspace_id"] as const

const tenantOf = ({ tenant_id: tenant }: Conditions): ReadonlyArray<string> => (tenant === undefined ? [] : [tenant])

/** Pending tasks have an index by tenant and one for all tenants, and so have ended tasks. */
const armOfPending = (conditions: Conditions): Arm => ({
  where: ["phase = 'pending'", ...tenantOf(conditions)],
  residual: without(conditions, "tenant_id")
})

const armOfEnded = (conditions: Conditions, phases: ReadonlyArray<TaskPhase>): Arm => ({
  where: ["ended_at IS NOT NULL", ...tenantOf(conditions)],
  residual: [...without(conditions, "tenant_id"), ...phaseIn(phases)]
})

/** Phases with few tasks have an index by phase. */
const armOfPhase = (conditions: Conditions, phase: TaskPhase): Arm => {
  const where = [`phase = '${phase}'`]
  return conditions.tenant_id !== undefined && rareOfTenant.has(phase)
    ? { where: [...where, conditions.tenant_id], residual: without(conditions, "tenant_id") }
    : { where, residual: without(conditions) }
}

const hasEnded = (phase: TaskPhase): boolean => terminalPhases.has(phase)
const endedPhases = allPhases.filter(hasEnded)

/** Ended tasks have an index by instance; running and retrying tasks are few. */
const armsOfInstance = (conditions: Conditions, phases: ReadonlyArray<TaskPhase>): ReadonlyArray<Arm> => {
  const ended = phases.filter(hasEnded)
  const past: Arm = {
    where: [conditions.instance_id!, "instance_id IS NOT NULL", "ended_at IS NOT NULL"],
    residual: [...without(conditions, "instance_id"), ...(ended.length === endedPhases.length ? [] : phaseIn(ended))]
  }
  const open = phases.filter((phase) => phase === "running" || phase === "retrying")
  return [...(ended.length === 0 ? [] : [past]), ...open.map((phase) => armOfPhase(conditions, phase))]
}

const armsOf = (query: TaskQuery, conditions: Conditions, isByEnd: boolean): ReadonlyArray<Arm> => {
  const asked = query.phases === undefined || query.phases.length === 0 ? allPhases : query.phases
  const phases = allPhases.filter((phase) => asked.includes(phase))
  const ended = phases.filter(hasEnded)
  if (isByEnd) {
    const residual = [...without(conditions), ...(ended.length === 0 ? ["false"] : phaseIn(ended))]
    return [{ where: ["ended_at IS NOT NULL"], residual }]
  }
  const column = telling.find((name) => conditions[name] !== undefined)
  if (column !== undefined) {
    const where = [conditions[column]!, `${column} IS NOT NULL`]
    return [{ where, residual: [...without(conditions, column), ...phaseIn(phases)] }]
  }
  if (conditions.instance_id !== undefined) {
    const arms = armsOfInstance(conditions, phases)
    return arms.length === 0 ? [{ where: ["false"], residual: [] }] : arms
  }
  const open = phases
    .filter((phase) => !hasEnded(phase))
    .map((phase) => (phase === "pending" ? armOfPending(conditions) : armOfPhase(conditions, phase)))
  if (ended.length === endedPhases.length) return [...open, armOfEnded(conditions, [])]
  const past = ended.map((phase) =>
    phase === "completed" ? armOfEnded(conditions, [phase]) : armOfPhase(conditions, phase)
  )
  return [...open, ...past]
}

/** The columns of a status, also used by the statement that reads a task by its id. */
export const statusColumns = `
  task_id AS "taskId", tenant_id AS "tenantId", lane, phase, priority, attempt, max_attempts AS "maxAttempts",
  instance_id AS "instanceId", submitted_at::float8 AS "submittedAt", started_at::float8 AS "startedAt", ended_at::float8 AS "endedAt",
  not_before::float8 AS "notBefore", deadline_at::float8 AS "deadlineAt", because AS "routedBecause"`

/**
 * The beginning and the end of a JSON document as text. It is not parsed here, since a document that PostgreSQL cannot
 * unescape would fail the whole page.
 */
const shown = (column: "result" | "error"): string => `
  CASE WHEN length(${column}::text) <= ${jsonShown.whole} THEN ${column}::text ELSE left(${column}::text, ${jsonShown.head}) END AS "${column}Head",
  CASE WHEN length(${column}::text) > ${jsonShown.whole} THEN right(${column}::text, ${jsonShown.tail}) END AS "${column}Tail"`

export const build = (query: TaskQuery): { readonly text: string; readonly params: ReadonlyArray<unknown> } => {
  const parameters = new Parameters()
  const isByEnd = query.endedFrom !== undefined || query.endedTo !== undefined
  const at = isByEnd ? "ended_at" : "submitted_at"
  const [direction, beyond] = query.order === "oldest" ? ["ASC", ">"] : ["DESC", "<"]
  const ranges: Array<string> = []
  const range = (column: string, from: number | undefined, to: number | undefined) => {
    if (from !== undefined) ranges.push(`${column} >= ${parameters.add(from, "bigint")}`)
    if (to !== undefined) ranges.push(`${column} < ${parameters.add(to, "bigint")}`)
  }
  range("ended_at", query.endedFrom, query.endedTo)
  const conditions = conditionsOf(query, parameters)
  const ofIndex = ranges.splice(0)
  range("submitted_at", query.submittedFrom, query.submittedTo)
  const beside = isByEnd ? ranges : []
  if (!isByEnd) ofIndex.push(...ranges)
  if (query.after !== undefined) {
    const { at: instant, taskId, tenantId } = query.after
    const place = [parameters.add(instant, "bigint"), parameters.add(taskId, "text"), parameters.add(tenantId, "text")]
    ofIndex.push(`(${at}, task_id, tenant_id COLLATE "C") ${beyond} (${place.join(", ")})`)
  }
  const order = (alias: string) =>
    `ORDER BY ${alias}${at} ${direction}, ${alias}task_id ${direction}, ${alias}tenant_id COLLATE "C" ${direction}`
  const wanted = query.limit + 1

  const arms = armsOf(query, conditions, isByEnd).map((arm, index) => {
    const from = `FROM clawster_tasks WHERE ${[...arm.where, ...ofIndex].join(" AND ")} ${order("")}`
    const residual = [...arm.residual, ...beside]
    if (residual.length === 0)
      return { ctes: [`a${index} AS MATERIALIZED (SELECT * ${from} LIMIT ${wanted})`], edge: undefined }
    return {
      ctes: [
        `a${index} AS MATERIALIZED (
          SELECT * FROM (SELECT * ${from} LIMIT ${rowsAWindow}) w WHERE ${residual.join(" AND ")} LIMIT ${wanted})`,
        `e${index} AS (
          SELECT e.* FROM (SELECT ${at} AS at, task_id, tenant_id ${from} OFFSET ${rowsAWindow - 1} LIMIT 1) e
          WHERE (SELECT count(*) FROM a${index}) < ${wanted})`
      ],
      edge: `SELECT * FROM e${index}`
    }
  })
  const edges = arms.flatMap(({ edge }) => (edge === undefined ? [] : [edge]))
  const edgesAsJson =
    edges.length === 0
      ? "NULL::json"
      : `(SELECT json_agg(json_build_object('at', e.at, 'taskId', e.task_id, 'tenantId', e.tenant_id)) FROM (${edges.join(" UNION ALL ")}) e)`
  const rows = arms.map((_, index) => `SELECT * FROM a${index}`).join(" UNION ALL ")
  const text = `WITH ${arms.flatMap(({ ctes }) => ctes).join(",\n")}
    SELECT p.position, p.edges, t.* FROM (SELECT ${settled} AS position, ${edgesAsJson} AS edges) p
    LEFT JOIN LATERAL (
      SELECT ${statusColumns}, workspace_id AS "workspaceId", ${shown("result")}, ${shown("error")}
      FROM (${rows}) r ${order("r.")} LIMIT ${wanted}
    ) t ON true`
  return { text, params: parameters.values }
}
