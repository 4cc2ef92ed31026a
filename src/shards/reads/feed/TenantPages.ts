/** The journal rows that a reader of the feed gets: all rows, or those that may contain events of one tenant. */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { tenantOf } from "../../journal/EntryTenant.ts"
import { after, columns, inOrder, makeSource } from "./JournalPages.ts"

const named = `strpos(j.events::text, to_json($4::text)::text) > 0`

const ofClass = (key: string, wanted: string) => `
  (SELECT ${columns}, ${wanted} AS wanted FROM clawster_journal j
   WHERE ${tenantOf} = ${key} AND ${tenantOf} <> '' AND ${after} ${inOrder})`

export const everyone = makeSource(
  `SELECT ${columns}, true AS wanted FROM clawster_journal j WHERE ${after} ${inOrder}`
)

/** The tenant's own rows, rows of several tenants, and rows whose tenant is unknown. `$4`: the tenant. */
export const tenant = makeSource(`
  SELECT * FROM (${ofClass("$4::text", "true")} UNION ALL ${ofClass("'*'", named)} UNION ALL ${ofClass("'?'", named)}) AS j ${inOrder}`)

/** The same without an index by tenant: all rows, without the events of other tenants. */
export const tenantUnindexed = makeSource(`
  SELECT ${columns}, ${tenantOf} = $4::text OR (${tenantOf} IN ('*', '?') AND ${named}) AS wanted
  FROM clawster_journal j WHERE ${after} ${inOrder}`)

/**
 * Whether the index by tenant exists. Until `migrate` has built it, which may be after a process has started, a
 * tenant's pages are read without it.
 */
export const isIndexed = (sql: PgClient.PgClient) =>
  Effect.map(
    sql.unsafe<{ ready: boolean }>(
      `SELECT indisvalid AS ready FROM pg_index WHERE indexrelid = to_regclass('clawster_journal_tenant')`
    ),
    ([index]) => index?.ready === true
  )
