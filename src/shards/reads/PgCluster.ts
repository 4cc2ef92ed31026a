/**
 * Runners and shards, from the rows of leases and owners and from the reports of the runners; and probe calls to the
 * runners.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Layer, Schema } from "effect"
import { ClusterReads } from "../../ports/ClusterReads.ts"
import { type RunnerState, RunnerStatus, ShardGroup } from "../../schema/ClusterStatus.ts"
import { heartbeatMillis } from "../../schema/instance/Liveness.ts"
import type { Report } from "../health/RunnerReports.ts"
import { isGone } from "../leases/PgLeases.ts"
import * as ServedProbe from "../health/ServedProbe.ts"
import { servedPlacements } from "./LivenessColumns.ts"
import * as Placements from "./Placements.ts"
import { unavailable } from "./StoreUnavailable.ts"

interface RunnerRow {
  readonly address: string
  readonly placements: ReadonlyArray<string>
  readonly healthy: boolean
  readonly isGone: boolean
  /** A lease is renewed four times, so less than a quarter of it is left only when renewals are missing. */
  readonly isLate: boolean
  readonly leaseMillis: number
  readonly shards: number
  readonly report: Report | null
  readonly reportedMillis: number | null
}

const runners = `SELECT r.address, r.runner::json->'groups' AS placements, r.healthy, ${isGone} AS "isGone",
    r.lease_until < clock_timestamp() + r.lease_millis * interval '1 millisecond' / 4 AS "isLate",
    (extract(epoch FROM r.lease_until - clock_timestamp()) * 1000)::float8 AS "leaseMillis",
    (SELECT count(*)::float8 FROM clawster_shards s WHERE s.owner = r.address) AS shards,
    p.report, (extract(epoch FROM clock_timestamp() - p.at) * 1000)::float8 AS "reportedMillis"
  FROM clawster_runners r LEFT JOIN clawster_runner_reports p ON p.address = r.address ORDER BY r.address`

const silentAfter = 4 * heartbeatMillis

const stateOf = ({
  healthy,
  isGone,
  isLate,
  leaseMillis,
  report,
  reportedMillis
}: RunnerRow): { readonly state: RunnerState; readonly cause?: string } => {
  if (!healthy) return { state: "gone", cause: "its peers found it dead: its port refuses, or it is silent" }
  if (isGone) return { state: "gone", cause: `its lease ran out ${Math.round(-leaseMillis / 1_000)} s ago` }
  if (isLate) return { state: "late", cause: "it has not renewed its lease in time" }
  if (report?.unfit !== undefined) return { state: "failing", cause: report.unfit }
  if (reportedMillis !== null && reportedMillis > silentAfter) {
    return { state: "failing", cause: `it has said nothing of itself for ${Math.round(reportedMillis / 1_000)} s` }
  }
  return { state: "serving" }
}

const statusOf = (row: RunnerRow): RunnerStatus => {
  const { address, leaseMillis, placements, report, reportedMillis, shards } = row
  const said = report === null ? {} : report
  const { unfit: _, ...vitals } = said as Partial<Report>
  return Schema.decodeUnknownSync(RunnerStatus)({
    address,
    ...stateOf(row),
    placements,
    shards,
    leaseMillis: Math.round(leaseMillis),
    ...vitals,
    ...(reportedMillis === null ? {} : { reportedMillis: Math.round(reportedMillis) })
  })
}

/** Of the placements that are known: the shards of one that is forgotten keep their epochs for ever. */
const shards = `WITH ${servedPlacements} SELECT split_part(s.shard_id, ':', 1) AS placement, r.address AS owner, count(*)::float8 AS shards, max(s.epoch)::float8 AS epoch,
    floor(extract(epoch FROM max(s.acquired_at)) * 1000)::float8 AS since,
    split_part(s.shard_id, ':', 1) IN (SELECT placement FROM served) AS "isServed"
  FROM clawster_shards s LEFT JOIN clawster_runners r ON r.address = s.owner AND r.healthy AND NOT ${isGone}
  WHERE split_part(s.shard_id, ':', 1) IN (SELECT json_array_elements_text($1::text::json))
  GROUP BY 1, 2 ORDER BY 1, 2`

/** One shard of each placement of each live runner. */
const shardsToAsk = `SELECT DISTINCT ON (s.owner, split_part(s.shard_id, ':', 1)) s.owner AS address, s.shard_id AS "shardId"
  FROM clawster_shards s JOIN clawster_runners r ON r.address = s.owner
  WHERE r.healthy AND NOT ${isGone} ORDER BY s.owner, split_part(s.shard_id, ':', 1), s.shard_id`

const outbox = `SELECT count(*)::float8 AS waiting,
    coalesce((extract(epoch FROM clock_timestamp()) * 1000 - min(j.at))::float8, 0) AS "oldestMillis"
  FROM (SELECT entity_type, entity_id, seq FROM clawster_outbox LIMIT 1000) o
  JOIN clawster_journal j USING (entity_type, entity_id, seq)`

interface ShardsRow {
  readonly owner: string | null
  readonly isServed: boolean
}

const decodeGroup = Schema.decodeUnknownSync(ShardGroup)

const groupOf = ({ isServed, owner, ...group }: ShardsRow): ShardGroup =>
  decodeGroup({ ...group, ...(owner === null ? { isServed } : { owner }) })

const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const probe = yield* ServedProbe.make
  const placements = Effect.provideService(Placements.known, PgClient.PgClient, sql)
  return ClusterReads.of({
    runners: unavailable(Effect.map(sql.unsafe<RunnerRow>(runners), (rows) => rows.map(statusOf))),
    placements: unavailable(placements),
    shards: unavailable(
      Effect.gen(function* () {
        const names = (yield* placements).map(({ placement }) => placement)
        const rows = yield* sql.unsafe<ShardsRow>(shards, [JSON.stringify(names)])
        return rows.map(groupOf)
      })
    ),
    probes: unavailable(Effect.flatMap(sql.unsafe<{ address: string; shardId: string }>(shardsToAsk), probe)),
    commitMillis: unavailable(
      Effect.gen(function* () {
        const asked = yield* Clock.currentTimeMillis
        yield* sql.unsafe(`SELECT pg_logical_emit_message(true, 'clawster', 'health')::text AS position`)
        return (yield* Clock.currentTimeMillis) - asked
      })
    ),
    outbox: unavailable(Effect.map(sql.unsafe<{ waiting: number; oldestMillis: number }>(outbox), (rows) => rows[0]!))
  })
})

export const layer = Layer.effect(ClusterReads, make)
