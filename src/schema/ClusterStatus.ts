/** The runners of a cluster and the shards they own, for operators. */
import { Schema } from "effect"
import { Placement } from "./Ids.ts"

/**
 * `serving`: the runner renews its lease and reports that it can serve. `failing`: it renews its lease, but reports
 * that it cannot serve or has stopped reporting. `late`: its lease is about to expire. `gone`: its lease has expired or
 * its peers marked it dead; other runners may take every shard it owned.
 */
export const RunnerState = Schema.Literals(["serving", "failing", "late", "gone"])
export type RunnerState = typeof RunnerState.Type

export const RunnerStatus = Schema.Struct({
  /** `host:port` at which other processes reach the runner. */
  address: Schema.String,
  state: RunnerState,
  /** Why the runner is not `serving`, as text for an operator. */
  cause: Schema.optionalKey(Schema.String),
  placements: Schema.Array(Placement),
  shards: Schema.Int,
  /** Remaining time of the lease; negative once it has expired. */
  leaseMillis: Schema.Finite,
  hostName: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
  startedAt: Schema.optionalKey(Schema.Finite),
  /** Number of resident actors. */
  resident: Schema.optionalKey(Schema.Int),
  descriptors: Schema.optionalKey(Schema.Struct({ open: Schema.Int, most: Schema.Int })),
  /** 99th percentile of the event loop delay over the last seconds. */
  lagMillis: Schema.optionalKey(Schema.Finite),
  rssBytes: Schema.optionalKey(Schema.Finite),
  /** Age of the runner's latest report about itself. */
  reportedMillis: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "Runner" })
export type RunnerStatus = typeof RunnerStatus.Type

/** The shards of one placement that one runner owns. Without `owner`, the shards that no live runner owns. */
export const ShardGroup = Schema.Struct({
  placement: Placement,
  owner: Schema.optionalKey(Schema.String),
  shards: Schema.Int,
  /** The highest epoch among these shards. A shard's epoch counts how often it has changed owners. */
  epoch: Schema.Int,
  /** Unix milliseconds at which the most recent of these shards was acquired. */
  since: Schema.Finite,
  /** False when no live runner serves the placement, so that nobody can own these shards. */
  isServed: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "ShardGroup" })
export type ShardGroup = typeof ShardGroup.Type

/** How long a placement without runners and instances is remembered after its last runner lived. */
export const placementRememberedMillis = 7 * 86_400_000

/** A placement that no live runner serves: its last runner has left or is gone, or instances are registered there. */
export const UnservedPlacement = Schema.Struct({
  placement: Placement,
  /** Number of instances registered there. While there is one, the placement is not forgotten. */
  instances: Schema.Int,
  /** Unix milliseconds at which a runner of it last lived. */
  lastSeenAt: Schema.optionalKey(Schema.Finite),
  /** Unix milliseconds at which it is forgotten unless a runner of it comes; absent while it has instances. */
  forgottenAt: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "UnservedPlacement" })
export type UnservedPlacement = typeof UnservedPlacement.Type

export const RunnerList = Schema.Struct({
  items: Schema.Array(RunnerStatus),
  /** The known placements without a live runner, ordered by name; absent when there are none. */
  unserved: Schema.optionalKey(Schema.Array(UnservedPlacement))
}).annotate({ identifier: "RunnerList" })
export const ShardList = Schema.Struct({ items: Schema.Array(ShardGroup) }).annotate({ identifier: "ShardList" })
