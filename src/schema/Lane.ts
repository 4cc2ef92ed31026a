/** A lane: the durable, ordered backlog of one tenant's work of one kind. */
import { Schema } from "effect"
import { LaneName, TenantId } from "./Ids.ts"

/**
 * What a full lane does with a submit: refuse it with a retry time, drop it, or redirect it to another lane
 * (R414-R416).
 */
export const Backpressure = Schema.Union([
  Schema.TaggedStruct("Block", {}),
  Schema.TaggedStruct("Drop", {}),
  Schema.TaggedStruct("Redirect", { lane: LaneName })
])
export type Backpressure = typeof Backpressure.Type

export const LaneConfig = Schema.Struct({
  /** Maximum number of tasks of this lane that run at once. */
  concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })),
  /** Maximum starts per second, with a burst of the same size; absent means no limit. */
  ratePerSecond: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  /** Maximum number of waiting tasks. */
  capacity: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000_000 })),
  backpressure: Backpressure,
  /** How long a task must wait before it overtakes the next higher priority. 0 means plain arrival order. */
  ageingMillis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 86_400_000 })),
  paused: Schema.Boolean
})
export type LaneConfig = typeof LaneConfig.Type

/** Absent fields keep their value; `ratePerSecond: null` removes the rate limit. */
export const LaneChange = Schema.Struct({
  concurrency: Schema.optionalKey(LaneConfig.fields.concurrency),
  ratePerSecond: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  capacity: Schema.optionalKey(LaneConfig.fields.capacity),
  backpressure: Schema.optionalKey(Backpressure),
  ageingMillis: Schema.optionalKey(LaneConfig.fields.ageingMillis),
  paused: Schema.optionalKey(Schema.Boolean)
})
export type LaneChange = typeof LaneChange.Type

export const changedConfig = (config: LaneConfig, { ratePerSecond, ...change }: LaneChange): LaneConfig => {
  const { ratePerSecond: known, ...rest } = config
  const rate = ratePerSecond === undefined ? known : ratePerSecond
  return { ...rest, ...change, ...(rate === undefined || rate === null ? {} : { ratePerSecond: rate }) }
}

export const defaultLaneConfig: LaneConfig = {
  concurrency: 64,
  capacity: 1_000_000,
  backpressure: { _tag: "Block" },
  ageingMillis: 30_000,
  paused: false
}

export const LaneStatus = Schema.Struct({
  tenantId: TenantId,
  lane: LaneName,
  config: LaneConfig,
  state: Schema.Literals(["open", "saturated", "closed"]),
  pending: Schema.Int,
  scheduled: Schema.Int,
  running: Schema.Int,
  completed: Schema.Int,
  failed: Schema.Int,
  cancelled: Schema.Int,
  deadLettered: Schema.Int
})
export type LaneStatus = typeof LaneStatus.Type
