/**
 * Indexes that are built and replaced online (`CREATE INDEX CONCURRENTLY`), because a migration that builds an index on
 * a large table would block every write to it. The wanted indexes are listed by name: a missing index is built, an
 * invalid one that a killed build left behind is rebuilt, and an index that no statement uses any more is dropped. A
 * reader that runs before its index exists is slow, not wrong.
 *
 * A changed index gets a new name. Names are stored in databases, so a name is never reused for another index.
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
 * Indexes for the task lists (reads/tasks/TaskListStatement.ts). Each index costs a write for every task that enters
 * it, so the indexes are partial and split by phase: pending tasks, ended tasks, and the few tasks in the rare phases.
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

/** Index for the feed of one tenant (reads/feed/TenantPages.ts). Entries that no tenant is shown are not in it. */
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

/** Former indexes, dropped once all wanted indexes exist. */
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
 * Builds missing indexes and drops superseded ones. Success: every wanted index exists and is valid; the result is the
 * names of the indexes built by this call. Several processes may call it at once: one builds, the others poll the
 * advisory lock every 100 ms, because waiting inside a statement would hold a snapshot that the build waits for.
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
  // The duration of a build grows with the table, and a build waits for open transactions.
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
