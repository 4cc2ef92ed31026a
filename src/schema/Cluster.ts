/** The runners of a cluster and the shards they own, as operators see them. */
import { Schema } from "effect"
import { Placement } from "./Ids.ts"

/**
 * `serving`: it renews its lease and says that it can serve. `failing`: it renews its lease, and says that it cannot
 * serve, or says nothing any more. `late`: its lease is about to run out. `gone`: its lease has run out, or its peers
 * found it dead; it owns nothing that others may not take.
 */
export const RunnerState = Schema.Literals(["serving", "failing", "late", "gone"])
export type RunnerState = typeof RunnerState.Type

export const RunnerStatus = Schema.Struct({
  /** `host:port`, where other processes reach it. */
  address: Schema.String,
  state: RunnerState,
  /** Why it is not `serving`, in words for an operator. */
  cause: Schema.optionalKey(Schema.String),
  placements: Schema.Array(Placement),
  shards: Schema.Int,
  /** Left of its lease; negative when it has run out. */
  leaseMillis: Schema.Finite,
  hostName: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
  startedAt: Schema.optionalKey(Schema.Finite),
  /** Actors in its memory. */
  resident: Schema.optionalKey(Schema.Int),
  descriptors: Schema.optionalKey(Schema.Struct({ open: Schema.Int, most: Schema.Int })),
  /** 99th percentile of the delay of its event loop, in the last seconds. */
  lagMillis: Schema.optionalKey(Schema.Finite),
  rssBytes: Schema.optionalKey(Schema.Finite),
  /** Age of what it last said of itself. */
  reportedMillis: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "Runner" })
export type RunnerStatus = typeof RunnerStatus.Type

/** The shards of one placement that one runner owns; without `owner`, those that no live runner owns. */
export const ShardGroup = Schema.Struct({
  placement: Placement,
  owner: Schema.optionalKey(Schema.String),
  shards: Schema.Int,
  /** The highest epoch of them: how often one of them has changed hands. */
  epoch: Schema.Int,
  /** When the last of them was acquired, in Unix milliseconds. */
  since: Schema.Finite
}).annotate({ identifier: "ShardGroup" })
export type ShardGroup = typeof ShardGroup.Type

export const RunnerList = Schema.Struct({ items: Schema.Array(RunnerStatus) }).annotate({ identifier: "RunnerList" })
export const ShardList = Schema.Struct({ items: Schema.Array(ShardGroup) }).annotate({ identifier: "ShardList" })
