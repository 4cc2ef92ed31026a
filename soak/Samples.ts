/**
 * One reading of everything: each process from the system and from its own metrics, the store from its catalogue,
 * gateways' disks. What cannot be read now is left out.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Load from "./Load.ts"
import { gatewayPid } from "./Faults.ts"
import type { Ledger } from "./Ledger.ts"
import type { Member, World } from "./World.ts"

export interface Value {
  readonly value: number
  readonly life?: number
}

export type Reading = Map<string, Value>

const orNothing = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const readSystem = (reading: Reading, name: string, pid: number): void => {
  const put = (what: string, value: number) => reading.set(`${name}.${what}`, { value, life: pid })
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => orNothing(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "")
  put("descriptors", links.length)
  put("sockets", links.filter((link) => link.startsWith("socket:")).length)
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  put("rss", Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1_024)
  put("threads", Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0))
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    (orNothing(() => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")) ?? "")
      .split(" ")
      .filter((child) => child !== "")
  )
  put("children", children.length)
}

const own: ReadonlyArray<readonly [metric: RegExp, name: (label: string) => string]> = [
  [/^nodejs_heap_after_gc_bytes (\S+)/, () => "heap after gc"],
  [/^nodejs_heap_size_used_bytes (\S+)/, () => "heap"],
  [/^nodejs_external_memory_bytes (\S+)/, () => "external"],
  [/^nodejs_eventloop_lag_p99_seconds (\S+)/, () => "lag p99"],
  [/^process_cpu_seconds_total (\S+)/, () => "cpu seconds"],
  [/^clawster_outbox_backlog (\S+)/, () => "outbox"],
  [/^nodejs_active_resources\{type="([^"]+)"\} (\S+)/, (type) => `resources.${type}`],
  [/^clawster_actor_resident\{entity_type="([^"]+)"\} (\S+)/, (type) => `resident.${type}`]
]

const readOwn = (reading: Reading, { metricsUrl, name }: Member, pid: number) =>
  Effect.promise((signal) => fetch(metricsUrl, { signal }).then((response) => response.text())).pipe(
    Effect.timeout("5 seconds"),
    Effect.map((text) => {
      for (const line of text.split("\n")) {
        for (const [metric, nameOf] of own) {
          const found = metric.exec(line)
          if (found === null) continue
          reading.set(`${name}.${nameOf(found[1]!)}`, { value: Number(found.at(-1)), life: pid })
        }
      }
      reading.set(`${name}.metrics lines`, { value: text.split("\n").length, life: pid })
    })
  )

const readMember = (reading: Reading, member: Member) =>
  Effect.suspend(() => {
    const pid = member.pid()
    if (pid === undefined) return Effect.void
    readSystem(reading, member.name, pid)
    return readOwn(reading, member, pid)
  })

/** Counted, not estimated: with a retention of minutes no table is large. */
const countRows = (sql: PgClient.PgClient, tables: ReadonlyArray<string>) =>
  sql.unsafe<{ table: string; rows: number }>(
    tables.map((table) => `SELECT '${table}' AS "table", count(*)::float8 AS rows FROM ${table}`).join(" UNION ALL ")
  )

const readStore = Effect.fnUntraced(function* (reading: Reading) {
  const sql = yield* PgClient.PgClient
  const put = (name: string, value: number) => reading.set(name, { value })
  const tables = yield* sql.unsafe<{ table: string; bytes: number; indexBytes: number; dead: number }>(
    `SELECT c.relname AS "table", pg_table_size(c.oid)::float8 AS bytes, pg_indexes_size(c.oid)::float8 AS "indexBytes",
       COALESCE(pg_stat_get_dead_tuples(c.oid), 0)::float8 AS dead
     FROM pg_class c WHERE c.relkind = 'r' AND c.relname LIKE 'clawster\\_%'`
  )
  for (const { bytes, dead, indexBytes, table } of tables) {
    put(`table.${table}.bytes`, bytes)
    put(`table.${table}.index bytes`, indexBytes)
    put(`table.${table}.dead rows`, dead)
  }
  for (const { rows, table } of yield* countRows(
    sql,
    tables.map(({ table }) => table)
  ))
    put(`table.${table}.rows`, rows)
  const [whole] = yield* sql.unsafe<{ database: number; wal: number; connections: number }>(
    `SELECT pg_database_size(current_database())::float8 AS database, (SELECT sum(size) FROM pg_ls_waldir())::float8 AS wal,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())::float8 AS connections`
  )
  put("store.database bytes", whole!.database)
  put("store.wal bytes", whole!.wal)
  put("store.connections", whole!.connections)
})

const weigh = (directory: string): { bytes: number; files: number } => {
  const total = { bytes: 0, files: 0 }
  for (const entry of orNothing(() => readdirSync(directory, { withFileTypes: true })) ?? []) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) {
      const below = weigh(path)
      total.bytes += below.bytes
      total.files += below.files
    } else if (entry.isFile()) {
      total.bytes += orNothing(() => statSync(path).size) ?? 0
      total.files += 1
    }
  }
  return total
}

const readDisks = (reading: Reading, world: World): void => {
  const put = (name: string, value: number) => reading.set(name, { value })
  const instances = orNothing(() => readdirSync(join(world.places.gateways, "instances"))) ?? []
  put("disk.gateways.count", instances.length)
  for (const name of instances) {
    const { bytes, files } = weigh(join(world.places.gateways, "instances", name))
    put(`disk.gateways.${name}.bytes`, bytes)
    put(`disk.gateways.${name}.files`, files)
  }
  put("disk.logs", weigh(world.places.logs).bytes)
}

const readGateways = (reading: Reading, world: World, count: number): void => {
  for (let n = 0; n < count; n++) {
    const id = Load.realGateway(n)
    const pid = orNothing(() => gatewayPid(world, id))
    if (pid !== undefined) orNothing(() => readSystem(reading, `openclaw ${id}`, pid))
  }
}

const readWork = (reading: Reading, ledger: Ledger): void => {
  reading.set("work.unfinished", { value: ledger.unfinished })
  reading.set("work.oldest unfinished", { value: ledger.oldestUnfinished })
  const usage = process.memoryUsage()
  reading.set("soak.rss", { value: usage.rss })
}

/** Parts that fail leave their series without a value at this moment, and are counted. */
export const take = Effect.fnUntraced(function* (world: World, ledger: Ledger, realGateways: number) {
  const reading: Reading = new Map()
  const attempt = (what: string, effect: Effect.Effect<unknown, unknown, PgClient.PgClient>) =>
    effect.pipe(
      Effect.timeout("20 seconds"),
      Effect.provide(world.context),
      Effect.catchCause(() => Effect.sync(() => ledger.count(`readings without ${what}`)))
    )
  yield* Effect.forEach(world.members, (member) => attempt(member.name, readMember(reading, member)), {
    concurrency: 4,
    discard: true
  })
  yield* attempt("the store", readStore(reading))
  yield* attempt(
    "disks",
    Effect.sync(() => readDisks(reading, world))
  )
  yield* attempt(
    "gateways",
    Effect.sync(() => readGateways(reading, world, realGateways))
  )
  readWork(reading, ledger)
  return reading as ReadonlyMap<string, Value>
})
