/**
 * The single statement that makes a group of commits durable. It locks the shards' epochs (fencing) and writes all of
 * the group or nothing. It returns the shards and epochs of the group that still hold; when one is missing, nothing was
 * written. A group may contain one shard under two epochs when its runner lost the shard and acquired it again.
 *
 * Rows travel as arrays (ArrayParameters.ts), so a flush is one round trip whatever its size. The statement's text
 * depends only on which tables and columns are written, so that a connection prepares only a few texts.
 */
import { Array } from "effect"
import type { RowWrite, Table } from "../../actor/Actor.ts"
import type { Commit, Entry, OutboxMessage } from "../../actor/Journal.ts"
import { ArrayParameters, type Columns, names } from "./ArrayParameters.ts"
import { tenantOfEntry } from "./EntryTenant.ts"

export interface Statement {
  readonly text: string
  readonly params: ReadonlyArray<unknown>
}

const claimColumns: Columns<Commit> = [
  ["shard_id", "text", ({ address }) => address.shardId],
  ["epoch", "bigint", ({ epoch }) => epoch]
]

interface Written<A> {
  readonly commit: Commit
  readonly row: A
  /** Index of the row among the commit's rows of this kind. */
  readonly at: number
}

const textOf = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value))

const addressColumns: Columns<Written<unknown>> = [
  ["entity_type", "text", ({ commit }) => commit.address.entityType],
  ["entity_id", "text", ({ commit }) => commit.address.entityId]
]
const shardColumn: Columns<Written<unknown>> = [["shard_id", "text", ({ commit }) => commit.address.shardId]]

const journalColumns: Columns<Written<Entry>> = [
  ...addressColumns,
  ["seq", "bigint", ({ row }) => row.seq],
  ...shardColumn,
  ["epoch", "bigint", ({ commit }) => commit.epoch],
  ["request_id", "text", ({ row }) => row.requestId],
  ["command", "text", ({ row }) => row.command],
  ["payload_hash", "text", ({ row }) => row.payloadHash],
  ["events", "jsonText", ({ at, commit, row }) => commit.texts?.entries[at]?.events ?? textOf(row.events)],
  ["answer", "jsonText", ({ at, commit, row }) => commit.texts?.entries[at]?.answer ?? textOf(row.answer)],
  ["at", "bigint", ({ row }) => row.at],
  ["tenant_id", "text", ({ row }) => tenantOfEntry(row.events)]
]

const outboxColumns: Columns<Written<OutboxMessage>> = [
  ...addressColumns,
  ["seq", "bigint", ({ row }) => row.seq],
  ["ordinal", "int", ({ row }) => row.ordinal],
  ...shardColumn,
  ["target_type", "text", ({ row }) => row.targetType],
  ["target_id", "text", ({ row }) => row.targetId],
  ["tag", "text", ({ row }) => row.tag],
  ["payload", "jsonText", ({ at, commit, row }) => commit.texts?.outbox[at] ?? JSON.stringify(row.payload ?? null)]
]

const wakeColumns: Columns<Written<NonNullable<Commit["wake"]>>> = [
  ...addressColumns,
  ...shardColumn,
  ["due_at", "bigint", ({ row }) => row.dueAt],
  ["resident", "boolean", ({ row }) => row.resident]
]

const viewColumns: Columns<Written<NonNullable<Commit["view"]>>> = [
  ...addressColumns,
  ["tenant_id", "text", ({ row }) => row.tenantId],
  ["doc", "json", ({ row }) => row.doc]
]

type TableRow = Record<string, unknown>

const keyOf = ({ key }: Table, row: TableRow): string => {
  let text = ""
  for (const column of key) text += `${String(row[column])}/`
  return text
}

/** Collects the inserts and updates of one table. */
export class TableWrites {
  readonly table: Table
  readonly inserts: Array<TableRow> = []
  /** Rows grouped by the set of columns that they write. */
  readonly updates = new Map<string, Array<TableRow>>()

  constructor(table: Table) {
    this.table = table
  }

  /**
   * A statement sees each row as it was before the statement, so two writes of one commit to the same row would lose
   * one of them. Writes of one commit to one row are therefore merged in order. An update of a row that the same commit
   * may have inserted (`mayExist`) is also written as an update, which takes effect when the row existed before. Writes
   * of two commits are not merged: the insert of a task id that another lane already has does nothing, and that lane's
   * update takes effect.
   */
  addCommit(writes: ReadonlyArray<RowWrite>): void {
    if (writes.length === 1) return this.#addOne(writes[0]!)
    const inserts = new Map<string, TableRow>()
    const updates = new Map<string, TableRow>()
    const doubtful = new Set<string>()
    for (const { mayExist = false, op, row } of writes) {
      const key = keyOf(this.table, row)
      const inserted = inserts.get(key)
      if (op === "insert") {
        if (inserted === undefined) inserts.set(key, row)
        if (mayExist) doubtful.add(key)
        continue
      }
      if (inserted !== undefined) inserts.set(key, { ...inserted, ...row })
      if (inserted !== undefined && !doubtful.has(key)) continue
      const updated = updates.get(key)
      updates.set(key, updated === undefined ? row : { ...updated, ...row })
    }
    for (const row of inserts.values()) this.inserts.push(row)
    for (const row of updates.values()) this.#update(row)
  }

  /** Most commits write one row, and have nothing to merge. */
  #addOne({ op, row }: RowWrite): void {
    if (op === "insert") this.inserts.push(row)
    else this.#update(row)
  }

  #update(row: TableRow): void {
    const columns = Object.keys(row).sort().join(",")
    const group = this.updates.get(columns)
    if (group === undefined) this.updates.set(columns, [row])
    else group.push(row)
  }

  columns(isWritten: (name: string) => boolean): Columns<TableRow> {
    return Object.entries(this.table.columns).flatMap(([name, kind]) =>
      isWritten(name) ? [[name, kind, (row: TableRow) => row[name]] as const] : []
    )
  }
}

/**
 * Sorts by name, so that one set of tables and columns always yields the same text. A connection keeps only a limited
 * number of texts prepared.
 */
const byName = ([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number =>
  left < right ? -1 : left > right ? 1 : 0

/** The merged writes of each table, sorted by table name. */
export const tableWrites = (commits: ReadonlyArray<ReadonlyArray<RowWrite>>): ReadonlyArray<TableWrites> => {
  const tables = new Map<string, TableWrites>()
  for (const rows of commits) {
    if (rows.length === 0) continue
    const [first] = rows
    const isOne = rows.every(({ table }) => table.name === first!.table.name)
    const parts = isOne ? [rows] : Object.values(Array.groupBy(rows, ({ table }) => table.name))
    for (const part of parts) {
      const { table } = part[0]!
      let writes = tables.get(table.name)
      if (writes === undefined) tables.set(table.name, (writes = new TableWrites(table)))
      writes.addCommit(part)
    }
  }
  return [...tables].sort(byName).map(([, writes]) => writes)
}

/** Collects the statement's parts, one for each kind of row that is present. */
class Parts {
  readonly parameters = new ArrayParameters()
  readonly parts: Array<string> = []

  fence(claims: ReadonlyArray<Commit>): void {
    const { from } = this.parameters.table(claimColumns, claims)
    this.parts.push(
      `fence AS (
  SELECT s.shard_id, s.epoch FROM ${from}
  JOIN clawster_shards s ON s.shard_id = x.shard_id AND s.epoch = x.epoch::bigint
  ORDER BY s.shard_id FOR SHARE OF s
)`,
      `fenced AS MATERIALIZED (SELECT count(*) = cardinality($1::text[]) AS ok FROM fence)`
    )
  }

  /** `given`: columns without a value in any row are left out. */
  insert<Row>(name: string, columns: Columns<Row>, rows: ReadonlyArray<Row>, onConflict = "", given = false): void {
    if (rows.length === 0) return
    const { from, read, written } = this.parameters.table(columns, rows, given)
    this.parts.push(`${name} AS (
  INSERT INTO clawster_${name} (${names(written)})
  SELECT ${read.join(", ")} FROM ${from}, fenced WHERE fenced.ok ${onConflict}
)`)
  }

  removeViews(rows: ReadonlyArray<Written<unknown>>): void {
    if (rows.length === 0) return
    const { from } = this.parameters.table(addressColumns, rows)
    this.parts.push(`views_gone AS (
  DELETE FROM clawster_views v USING ${from}, fenced
  WHERE fenced.ok AND v.entity_type = x.entity_type AND v.entity_id = x.entity_id
)`)
  }

  writeTable(writes: TableWrites): void {
    const { inserts, table, updates } = writes
    const all = writes.columns(() => true)
    this.insert(table.name, all, inserts, "ON CONFLICT DO NOTHING", true)
    for (const [, rows] of [...updates].sort(byName))
      this.#update(
        table,
        writes.columns((name) => name in rows[0]!),
        rows
      )
  }

  #update({ key, name: table }: Table, columns: Columns<TableRow>, rows: ReadonlyArray<TableRow>): void {
    const { from, read } = this.parameters.table(columns, rows)
    const set = columns.flatMap(([name], index) => (key.includes(name) ? [] : [`${name} = ${read[index]}`]))
    this.parts.push(`${table}_${this.parts.length} AS (
  UPDATE clawster_${table} t SET ${set.join(", ")} FROM ${from}, fenced
  WHERE fenced.ok AND ${columns.flatMap(([name], index) => (key.includes(name) ? [`t.${name} = ${read[index]}`] : [])).join(" AND ")}
)`)
  }
}

const claimsOf = (commits: ReadonlyArray<Commit>): ReadonlyArray<Commit> => [
  ...new Map(commits.map((commit) => [`${commit.address.shardId} ${commit.epoch}`, commit])).values()
]

const rowsOf = <A>(
  commits: ReadonlyArray<Commit>,
  rows: (commit: Commit) => ReadonlyArray<A>
): ReadonlyArray<Written<A>> => {
  const written: Array<Written<A>> = []
  for (const commit of commits) {
    const own = rows(commit)
    for (let at = 0; at < own.length; at++) written.push({ commit, row: own[at]!, at })
  }
  return written
}

export const build = (commits: ReadonlyArray<Commit>): Statement => {
  const statement = new Parts()
  statement.fence(claimsOf(commits))
  statement.insert(
    "journal",
    journalColumns,
    rowsOf(commits, ({ entries }) => entries)
  )
  statement.insert(
    "outbox",
    outboxColumns,
    rowsOf(commits, ({ outbox }) => outbox)
  )
  statement.insert(
    "wakes",
    wakeColumns,
    rowsOf(commits, ({ wake }) => (wake === undefined ? [] : [wake])),
    `ON CONFLICT (entity_type, entity_id) DO UPDATE
    SET shard_id = EXCLUDED.shard_id, due_at = EXCLUDED.due_at, resident = EXCLUDED.resident`
  )
  const views = rowsOf(commits, ({ view }) => (view === undefined ? [] : [view]))
  statement.insert(
    "views",
    viewColumns,
    views.filter(({ row }) => row.doc !== null),
    `ON CONFLICT (entity_type, entity_id) DO UPDATE
    SET tenant_id = EXCLUDED.tenant_id, doc = EXCLUDED.doc, revision = EXCLUDED.revision`
  )
  statement.removeViews(views.filter(({ row }) => row.doc === null))
  for (const writes of tableWrites(commits.map(({ rows }) => rows))) statement.writeTable(writes)
  const { parameters, parts } = statement
  return {
    text: `WITH ${parts.join(",\n")}\nSELECT shard_id AS "shardId", epoch::float8 AS epoch FROM fence`,
    params: parameters.values
  }
}
