/** SQL fragments that compute the liveness of each instance, and the status of a row adjusted by it. */
import { asSeen } from "../../schema/instance/Liveness.ts"
import { InstanceStatus } from "../../schema/Instance.ts"
import { isGone } from "../leases/PgLeases.ts"
import * as DocumentDecoder from "./DocumentDecoder.ts"

/** A common table expression: the placements that a live runner serves. */
export const servedPlacements = `served AS MATERIALIZED (
  SELECT DISTINCT json_array_elements_text(r.runner::json->'groups') AS placement
  FROM clawster_runners r WHERE r.healthy AND NOT ${isGone}
)`

/** Liveness columns for an instance's row `v` of clawster_views. They need `served` and the join below. */
export const livenessColumns = `split_part(v.entity_id, '/', 1) IN (SELECT placement FROM served) AS "isServed",
  (extract(epoch FROM clock_timestamp() - h.at) * 1000)::float8 AS "silentMillis",
  (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`

export const heartbeatJoin = `LEFT JOIN clawster_heartbeats h ON h.entity_id = v.entity_id`

/**
 * Whether the instance was deregistered without its runner. Such an instance is in no list, though its actor has not
 * removed its view yet.
 */
export const isRetired = `EXISTS (SELECT 1 FROM clawster_tombstones t WHERE t.entity_id = v.entity_id)`

export interface LivenessRow {
  readonly isServed: boolean
  readonly silentMillis: number | null
  /** Unix milliseconds by the store's clock. */
  readonly now: number
}

export const seen = (stored: InstanceStatus, { isServed, now, silentMillis }: LivenessRow): InstanceStatus =>
  asSeen(stored, { isServed, ...(silentMillis === null ? {} : { silentMillis }) }, now)

export const statuses = DocumentDecoder.make("view of an instance", InstanceStatus)
