/** What failure detection and shard ownership measure. */
import type { Effect } from "effect"
import { record } from "./Metrics.ts"

/** `refused`: its port does not answer any more. `expired`: its lease ran out. */
export const runnerLost = (cause: "refused" | "expired"): Effect.Effect<void> =>
  record("clawster_runners_lost_total", 1, { cause })

/** From the last sign of life of the lost owner to the shards being owned again. */
export const failedOver = (seconds: number): Effect.Effect<void> => record("clawster_failover_seconds", seconds, {})
