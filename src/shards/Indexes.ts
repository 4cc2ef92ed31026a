/**
 * Indexes that are built and replaced beside running work (`CREATE INDEX CONCURRENTLY`), since a migration that builds
 * one on a large table would keep every write of it waiting. They are wanted by name: what is missing is built, what a
 * killed build left behind is built again, what no statement uses any more is dropped. A reader that comes before its
 * index is slow, not wrong.
 *
 * A change of an index is another name. Names are stored in databases: they are not used again for something else.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Schedule } from "effect"
import { tenantOf } from "./journal/EntryTenant.ts"

const rare = "('running', 'scheduled', 'retrying', 'failed', 'dead_lettered', 'cancelled')"
const rareOfTenant = "('retrying', 'failed', 'dead_lettered', 'cancelled')"
const place = `submitted_at, task_id, tenant_id COLLATE "C"`

const tasks = "clawster_tasks"
const journal = "clawster_journal"

/**
 * For the lists of tasks (reads/TaskListStatement.ts). Each has a price on every task that enters it, so that they are
 * partial and each holds what no other does: those that wait, those that have ended, and the few that are otherwise, by
 * phase.
 */
const ofTasks: Readonly<Record<string, string>> = {
  clawster_tasks_pending: `(${place}) WHERE phase = 'pending'`,
  clawster_tasks_pending_tenant: "(tenant_id, submitted_at, task_id) WHERE phase = 'pending'",
  clawster_tasks_past: `(${place}) WHERE ended_at IS NOT NULL`,
  clawster_tasks_past_tenant: "(tenant_id, submitted_at, task_id) WHERE ended_at IS NOT NULL",
  clawster_tasks_phase: `(phase, ${place}) WHERE phase IN ${rare}`,
  clawster_tasks_phase_tenant: `(tenant_id, phase, submitted_at, task_id) WHERE phase IN ${rareOfTenant}`,
  clawster_tasks_past_instance: `(instance_id, ${place}) WHERE ended_at IS NOT NULL AND instance_id IS NOT NULL`,
  clawster_tasks_error: `(error_code, ${place}) WHERE error_code IS NOT NULL`,
  clawster_tasks_session: `(session_id, ${place}) WHERE session_id IS NOT NULL`,
  clawster_tasks_workspace: `(workspace_id, ${place}) WHERE workspace_id IS NOT NULL`,
  clawster_tasks_end: `(ended_at, task_id, tenant_id COLLATE "C") WHERE ended_at IS NOT NULL`
}

/** For the feed of one tenant (reads/TenantPages.ts). Entries that no tenant is shown are not in it. */
const ofJournal: Readonly<Record<string, string>> = {
  clawster_journal_tenant: `((${tenantOf}), tx, position) WHERE ${tenantOf} <> ''`
}

interface Wanted {
  readonly table: string
  readonly definition: string
}
const on = (table: string, indexes: Readonly<Record<string, string>>): ReadonlyArray<readonly [string, Wanted]> =>
  Object.entries(indexes).map(([name, definition]) => [name, { table, definition }])
const wanted: ReadonlyMap<string, Wanted> = new Map([...on(tasks, ofTasks), ...on(journal, ofJournal)])
export const indexNames: ReadonlyArray<string> = [...wanted.keys()]

/** Dropped when all that are wanted are there. */
const superseded = [
  "clawster_tasks_newest",
  "clawster_tasks_ended",
  "clawster_tasks_open",
  "clawster_tasks_open_tenant",
  "clawster_tasks_past_lane",
  "clawster_tasks_instance"
]

const lockKey = 7_373_014

interface Found {
  readonly name: string
  readonly valid: boolean
}

/**
 * Success: every wanted index is there and valid. Answers the names of those that were built now. Several processes may
 * ask at once: one builds, the others wait by asking again, since one that waited inside a statement would hold a
 * snapshot that the build waits for.
 */
export const build = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const connection = yield* sql.reserve
  const run = (text: string) => connection.execute(text, [], undefined)
  const locked = Effect.map(
    run(`SELECT pg_try_advisory_lock(${lockKey}) AS locked`),
    (rows) => (rows[0] as { readonly locked: boolean }).locked
  )
  yield* Effect.repeat(locked, { until: (isLocked) => isLocked, schedule: Schedule.spaced("100 millis") })
  yield* Effect.addFinalizer(() =>
    Effect.ignore(
      Effect.all(
        [run("RESET statement_timeout"), run("RESET lock_timeout"), run(`SELECT pg_advisory_unlock(${lockKey})`)],
        { discard: true }
      )
    )
  )
  // A build takes as long as its table is large, and waits for transactions that are open.
  yield* run("SET statement_timeout = 0")
  yield* run("SET lock_timeout = '5min'")

  const names = [...indexNames, ...superseded].map((name) => `'${name}'`).join(", ")
  const found = (yield* run(
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid IN (to_regclass('${tasks}'), to_regclass('${journal}')) AND c.relname IN (${names})`
  )) as ReadonlyArray<Found>
  for (const { name, valid } of found) if (!valid) yield* run(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
  const present = new Set(found.filter(({ valid }) => valid).map(({ name }) => name))
  const missing = [...wanted].filter(([name]) => !present.has(name))
  for (const [name, { definition, table }] of missing)
    yield* run(`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name} ON ${table} ${definition}`)
  for (const name of superseded) if (present.has(name)) yield* run(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
  return missing.map(([name]) => name)
}).pipe(Effect.scoped)
