/**
 * The placements of the cluster: those of the registered runners, those remembered of runners that have left
 * (PgLeases.ts), and those where instances are registered.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { KnownPlacement } from "../../ports/ClusterReads.ts"
import { placementRememberedMillis } from "../../schema/ClusterStatus.ts"
import { Placement } from "../../schema/Ids.ts"
import { isGone } from "../leases/PgLeases.ts"
import { isRetired } from "./LivenessColumns.ts"

interface Row {
  readonly placement: string
  readonly servedWith: ReadonlyArray<string>
  readonly instances: number
  readonly lastSeenAt: number | null
}

const statement = `WITH served AS (
    SELECT r.address, p.placement, r.healthy AND NOT ${isGone} AS alive, least(r.lease_until, clock_timestamp()) AS seen_at
    FROM clawster_runners r, json_array_elements_text(r.runner::json->'groups') AS p(placement)
  ), seen AS (
    SELECT placement, max(seen_at) AS seen_at
    FROM (SELECT placement, seen_at FROM served UNION ALL SELECT placement, seen_at FROM clawster_placements) s GROUP BY 1
  ), used AS (
    SELECT split_part(v.entity_id, '/', 1) AS placement, count(*)::float8 AS instances FROM clawster_views v
    WHERE v.entity_type = 'Instance' AND NOT ${isRetired} GROUP BY 1
  ), found AS (
    SELECT placement AS name, seen.seen_at, coalesce(used.instances, 0) AS instances
    FROM seen FULL JOIN used USING (placement)
  ), together AS (
    SELECT own.placement AS name, json_agg(DISTINCT other.placement) AS placements
    FROM served own JOIN served other USING (address) WHERE own.alive GROUP BY 1
  )
  SELECT name AS placement, coalesce(t.placements, '[]') AS "servedWith", instances,
    floor(extract(epoch FROM seen_at) * 1000)::float8 AS "lastSeenAt"
  FROM found LEFT JOIN together t USING (name)
  WHERE instances > 0 OR t.placements IS NOT NULL
    OR seen_at > clock_timestamp() - interval '${placementRememberedMillis} milliseconds'
  ORDER BY name COLLATE "C"`

/** Needs the tables of this version. */
export const known = Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe<Row>(statement)).pipe(
  Effect.map((rows) =>
    rows.map(({ instances, lastSeenAt, placement, servedWith }): KnownPlacement => ({
      placement: Placement.make(placement),
      servedWith: servedWith.map((served) => Placement.make(served)),
      instances,
      ...(lastSeenAt === null ? {} : { lastSeenAt })
    }))
  )
)
